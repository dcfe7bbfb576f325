//! The filters that texts of templates can pass values through, for the reference. MiniJinja brings them; here stands what
//! each is good for in a reply, with an example that is run.

/// One filter.
pub struct Filter {
    /// The word behind the bar.
    pub name: &'static str,
    /// What it gives.
    pub summary: &'static str,
    /// A template that uses it.
    pub example: &'static str,
    /// What becomes of that for Ann Smith, who is tagged `vip` and `new` and asked for two refunds of order 77.
    pub gives: &'static str,
}

const fn filter(name: &'static str, summary: &'static str, example: &'static str, gives: &'static str) -> Filter {
    Filter { name, summary, example, gives }
}

/// The filters of the reference, those for a missing value first.
pub const FILTERS: &[Filter] = &[
    filter(
        "default",
        "Another value where there is none.",
        "{{ contact.phone | default(\"no number\") }}",
        "no number",
    ),
    filter("lower", "In small letters.", "{{ contact.name | lower }}", "ann smith"),
    filter("upper", "In capitals.", "{{ contact.name | upper }}", "ANN SMITH"),
    filter("title", "Each word with a capital.", "{{ \"order status\" | title }}", "Order Status"),
    filter("capitalize", "The first letter as a capital.", "{{ \"order status\" | capitalize }}", "Order status"),
    filter("trim", "Without blanks at both ends.", "{{ \" ok \" | trim }}", "ok"),
    filter("replace", "One text in place of another.", "{{ contact.name | replace(\"Smith\", \"S.\") }}", "Ann S."),
    filter("length", "How many characters or items.", "{{ contact.tags | length }}", "2"),
    filter("reverse", "From the end.", "{{ contact.tags | reverse | join(\", \") }}", "new, vip"),
    filter("split", "A list of the parts.", "{{ contact.email | split(\"@\") | last }}", "example.org"),
    filter("lines", "A list of the lines.", "{{ message.text | lines | first }}", "Where is my order?"),
    filter("join", "A list as one text.", "{{ contact.tags | join(\", \") }}", "vip, new"),
    filter("first", "The first item.", "{{ contact.tags | first }}", "vip"),
    filter("last", "The last item.", "{{ contact.tags | last }}", "new"),
    filter("sort", "The items in order.", "{{ contact.tags | sort | join(\", \") }}", "new, vip"),
    filter("unique", "Each item once.", "{{ [1, 1, 2] | unique | join(\", \") }}", "1, 2"),
    filter("min", "The least item.", "{{ [3, 1, 2] | min }}", "1"),
    filter("max", "The greatest item.", "{{ [3, 1, 2] | max }}", "3"),
    filter("sum", "All items together.", "{{ [3, 1, 2] | sum }}", "6"),
    filter(
        "map",
        "One field of each item.",
        "{{ message.attachments | map(attribute=\"name\") | join(\", \") }}",
        "photo.jpg",
    ),
    filter("select", "The items that pass a test.", "{{ [1, 2, 3] | select(\"odd\") | join(\", \") }}", "1, 3"),
    filter("reject", "The items that do not.", "{{ [1, 2, 3] | reject(\"odd\") | join(\", \") }}", "2"),
    filter("int", "A whole number.", "{{ captures.order | int + 1 }}", "78"),
    filter("float", "A number with a fraction.", "{{ \"2.5\" | float * 2 }}", "5.0"),
    filter("round", "Rounded, to so many places.", "{{ 2.345 | round(1) }}", "2.3"),
    filter("abs", "Without its sign.", "{{ -3 | abs }}", "3"),
    filter("string", "As a text.", "{{ state.refunds | string | length }}", "1"),
    filter("bool", "True or false.", "{% if state.refunds | bool %}again{% endif %}", "again"),
    filter("format", "Values put into a pattern.", "{{ \"%05d\" | format(77) }}", "00077"),
    filter("indent", "Each line further in.", "{{ message.text | indent(1) }}", "Where is my order?\n It is late."),
    filter(
        "date",
        "A time as people read it, in the zone of the configuration or of the schedule it comes from; the format is that of strftime.",
        "{{ event.at | date(\"%d %B, %H:%M\") }}",
        "02 March, 10:00",
    ),
    filter(
        "escape",
        "With the signs of HTML escaped, as HTML texts do by themselves.",
        "{{ \"a<b\" | escape }}",
        "a&lt;b",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::rules::schedule::Present;
    use crate::rules::template::{Form, Template};

    /// Those that a reply has no use for, and second names.
    const LEFT_OUT: [&str; 18] = [
        "attr",
        "batch",
        "chain",
        "count",
        "d",
        "dictsort",
        "e",
        "groupby",
        "items",
        "list",
        "pprint",
        "rejectattr",
        "safe",
        "selectattr",
        "slice",
        "tojson",
        "urlencode",
        "zip",
    ];

    #[test]
    fn every_example_gives_what_is_said() {
        let facts = json!({
            "contact": { "name": "Ann Smith", "email": "ann@example.org", "tags": ["vip", "new"] },
            "message": { "text": "Where is my order?\nIt is late.", "attachments": [{ "name": "photo.jpg" }] },
            "state": { "refunds": 2 },
            "captures": { "order": "77" },
            "event": { "at": "2026-03-02T10:00:00Z" },
        });
        for filter in FILTERS {
            assert!(filter.example.contains(&format!("| {}", filter.name)), "{}", filter.example);
            let template = Template::compile("t", filter.example, Form::Text).unwrap();
            assert_eq!(template.render(&facts, &Present::default()).as_deref(), Ok(filter.gives), "{}", filter.example);
        }
    }

    #[test]
    fn no_filter_is_forgotten() {
        let known: BTreeSet<&str> = FILTERS.iter().map(|filter| filter.name).chain(LEFT_OUT).collect();
        let all = format!("{:?}", minijinja::Environment::new());
        let (_, filters) = all.split_once("filters: ").unwrap();
        let listed: BTreeSet<&str> =
            filters.split("templates:").next().unwrap().split('"').skip(1).step_by(2).collect();
        assert!(listed.len() > 30, "{all}");
        let missing: Vec<&&str> = listed.difference(&known).collect();
        assert!(missing.is_empty(), "neither in the reference nor left out of it: {missing:?}");
    }
}
