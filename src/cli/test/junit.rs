//! The JUnit report of rule tests: a suite for each file, a case for each test.

use anyhow::Context;
use quick_xml::se::Serializer;
use serde::Serialize;

use super::Tested;
use crate::rules::check::CaseReport;

#[derive(Serialize)]
#[serde(rename = "testsuites")]
struct Suites {
    #[serde(rename = "@name")]
    name: &'static str,
    #[serde(rename = "@tests")]
    tests: usize,
    #[serde(rename = "@failures")]
    failures: usize,
    testsuite: Vec<Suite>,
}

#[derive(Serialize)]
struct Suite {
    #[serde(rename = "@name")]
    name: String,
    #[serde(rename = "@tests")]
    tests: usize,
    #[serde(rename = "@failures")]
    failures: usize,
    testcase: Vec<Case>,
}

#[derive(Serialize)]
struct Case {
    #[serde(rename = "@name")]
    name: String,
    #[serde(rename = "@classname")]
    classname: String,
    #[serde(rename = "@file")]
    file: String,
    #[serde(rename = "@line")]
    line: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

#[derive(Serialize)]
struct Failure {
    #[serde(rename = "@message")]
    message: String,
    #[serde(rename = "$text")]
    text: String,
}

/// The report as XML.
pub(super) fn report(tested: &[Tested]) -> anyhow::Result<String> {
    let testsuite: Vec<Suite> = tested.iter().map(suite).collect();
    let suites = Suites {
        name: "rejoinder",
        tests: testsuite.iter().map(|suite| suite.tests).sum(),
        failures: testsuite.iter().map(|suite| suite.failures).sum(),
        testsuite,
    };
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    let mut serializer = Serializer::new(&mut xml);
    serializer.indent(' ', 2);
    suites.serialize(serializer).context("the JUnit report cannot be written")?;
    xml.push('\n');
    Ok(xml)
}

fn suite(tested: &Tested) -> Suite {
    let testcase: Vec<Case> = tested.cases.iter().map(|one| case(one, &tested.file)).collect();
    let failures = testcase.iter().filter(|case| case.failure.is_some()).count();
    Suite { name: legal(&tested.file), tests: testcase.len(), failures, testcase }
}

fn case(case: &CaseReport, file: &str) -> Case {
    let line = case.place.rsplit_once(':').map_or("", |(_, line)| line);
    Case {
        name: legal(&case.name),
        classname: legal(file),
        file: legal(file),
        line: line.to_owned(),
        failure: case.differences.first().map(|first| Failure {
            message: legal(&first.message),
            text: legal(
                &case
                    .differences
                    .iter()
                    .map(ToString::to_string)
                    .chain(case.why.clone())
                    .collect::<Vec<_>>()
                    .join("\n"),
            ),
        }),
    }
}

/// XML 1.0 has no place for most control characters, not even escaped.
fn legal(text: &str) -> String {
    let is_legal =
        |c: char| matches!(c, '\t' | '\n' | '\r') || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'));
    text.chars().map(|c| if is_legal(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}
