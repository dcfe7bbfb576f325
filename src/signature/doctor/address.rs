//! The sender signs the address that it was given, and the source was told another one. One or two parts of it are tried:
//! more would fit by accident of configuration only, and take long.

use url::Url;

use super::{Case, Hypothesis, Told};

pub(super) const HYPOTHESIS: Hypothesis = Hypothesis { name: "url", look };

/// What the request shows of the address that it was sent to.
struct Shown<'a> {
    hosts: Vec<&'a str>,
    path: Option<&'a str>,
    query: Option<&'a str>,
}

/// A part of an address, and what it may have been instead.
type Part = (&'static str, fn(&Url, &Shown<'_>) -> Vec<Option<Url>>);

const PARTS: [Part; 5] =
    [("http or https", schemes), ("the host", hosts), ("the port", ports), ("the path", paths), ("the query", queries)];

fn look(case: &Case<'_>) -> Option<Told> {
    let url = Url::parse(case.settings.url.as_deref()?).ok().filter(|_| !case.is_genuine())?;
    let names = ["host", "x-forwarded-host", "x-original-host"];
    let target = case.arrival.target.map(|target| target.split_once('?').unwrap_or((target, "")));
    let shown = Shown {
        hosts: names.iter().filter_map(|name| case.delivery.header(name)).collect(),
        path: target.map(|(path, _)| path),
        query: target.map(|(_, query)| query).filter(|query| !query.is_empty()),
    };
    let one = changed(&url, 0, &shown);
    let two = one.iter().flat_map(|(index, url)| {
        let second = changed(url, index + 1, &shown).into_iter();
        second.map(|(other, url)| (format!("{} and {}", PARTS[*index].0, PARTS[other].0), url))
    });
    let mut all = one.iter().map(|(index, url)| (PARTS[*index].0.to_owned(), url.clone())).chain(two);
    let (parts, _) = all.find(|(_, url)| fits(case, url))?;
    Some(Told::new(
        format!("the signature fits another address than `url`: {parts} differs"),
        "write the address under `url` exactly as it stands at the sender, query included",
    ))
}

/// An address without a path is signed with its `/` and without it.
fn fits(case: &Case<'_>, url: &Url) -> bool {
    let (text, bare) = (url.as_str(), url.as_str().trim_end_matches('/'));
    let fits = |text: &str| case.fits_with(|settings| settings.url = Some(text.to_owned()));
    fits(text) || (url.path() == "/" && fits(bare))
}

/// The address with one part changed, from the part of that index on.
fn changed(url: &Url, from: usize, shown: &Shown<'_>) -> Vec<(usize, Url)> {
    let parts = PARTS.iter().enumerate().skip(from);
    let all = parts.flat_map(|(index, (_, change))| change(url, shown).into_iter().map(move |other| (index, other)));
    all.filter_map(|(index, other)| Some((index, other.filter(|other| other != url)?))).collect()
}

fn schemes(url: &Url, _: &Shown<'_>) -> Vec<Option<Url>> {
    let other = if url.scheme() == "https" { "http" } else { "https" };
    vec![set(url, |url| url.set_scheme(other).ok())]
}

fn hosts(url: &Url, shown: &Shown<'_>) -> Vec<Option<Url>> {
    let one = |host: &&str| {
        let shown = Url::parse(&format!("{}://{host}/", url.scheme())).ok()?;
        set(url, |url| {
            url.set_host(shown.host_str()).ok()?;
            url.set_port(shown.port()).ok()
        })
    };
    shown.hosts.iter().map(one).collect()
}

fn ports(url: &Url, _: &Shown<'_>) -> Vec<Option<Url>> {
    [None, Some(80), Some(443), Some(8080), Some(8443)].map(|port| set(url, |url| url.set_port(port).ok())).to_vec()
}

fn paths(url: &Url, shown: &Shown<'_>) -> Vec<Option<Url>> {
    let path = url.path();
    let slash = path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
    let with = |path: &str| {
        let mut other = url.clone();
        other.set_path(path);
        Some(other)
    };
    [Some(slash.as_str()), shown.path].into_iter().flatten().map(with).collect()
}

fn queries(url: &Url, shown: &Shown<'_>) -> Vec<Option<Url>> {
    let with = |query: Option<&str>| {
        let mut other = url.clone();
        other.set_query(query);
        Some(other)
    };
    [None, shown.query].map(with).to_vec()
}

fn set(url: &Url, change: impl FnOnce(&mut Url) -> Option<()>) -> Option<Url> {
    let mut other = url.clone();
    change(&mut other)?;
    Some(other)
}
