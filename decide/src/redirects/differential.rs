//! Our reading of references against the `url` crate, which parses as browsers do (WHATWG), over the Web Platform Tests' data:
//! wherever browsers go to another host than we think, or to one of ours that we let pass in silence, is a bug. What
//! the two understand differently must be `Invalid`: left alone, and counted.

use super::reference::Reference;
use super::*;
use url::Url;

/// From the `url` crate's own tests; `decide/tests/wpt/README.md` says where it comes from.
const DATA: &str = include_str!("../../tests/wpt/urltestdata.json");

/// Where the client is; no test names it.
const PUBLIC: &str = "public.example";

/// What is wrong with how an input is treated.
#[derive(Debug)]
#[expect(dead_code, reason = "what is in it is shown when a test fails")]
enum Difference {
    /// Browsers would go to an alias, and it is neither rewritten nor counted.
    Leaks,
    /// We would rewrite it for a host that browsers do not go to.
    Hijacks,
    /// What is sent leads elsewhere than to the same path of the public host.
    Bends(String),
}

fn inputs() -> Vec<String> {
    let cases: Vec<serde_json::Value> = serde_json::from_str(DATA).unwrap();
    let inputs = cases.iter().filter_map(|case| case.get("input")?.as_str());
    // What a header field cannot carry is none of our business.
    let sendable = |input: &&str| !input.bytes().any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f);
    inputs.filter(sendable).map(str::to_owned).collect()
}

/// Where a browser goes from `scheme://public.example/cart`, if that is anywhere over HTTP.
fn followed(input: &str, scheme: Scheme) -> Option<Url> {
    let base = Url::parse(&format!("{}://{PUBLIC}/cart", scheme.as_str())).unwrap();
    base.join(input).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

fn host_of(url: &Url) -> Host {
    Host::name(url.host_str().unwrap_or_default())
}

fn rewritten(input: &str, scheme: Scheme, host: Host, port: u16) -> Outcome {
    let mut aliases = AliasSet::default();
    aliases.insert(host, port);
    let context = Context { scheme, authority: PUBLIC, aliases: &[&aliases], stripped_prefix: None };
    rewrite_location(input.as_bytes(), &context)
}

fn difference(input: &str, scheme: Scheme) -> Option<Difference> {
    let url = followed(input, scheme);
    if let (Some(url), Reference::Absolute { authority, scheme: named, .. }) =
        (&url, Reference::parse(input.as_bytes()))
    {
        let port = authority.port.unwrap_or_else(|| named.unwrap_or(scheme).default_port());
        if (host_of(url), url.port_or_known_default()) != (authority.host, Some(port)) {
            return Some(Difference::Hijacks);
        }
    }
    let url = url.filter(|url| url.host_str() != Some(PUBLIC))?;
    match rewritten(input, scheme, host_of(&url), url.port_or_known_default()?) {
        Outcome::Same => Some(Difference::Leaks),
        Outcome::Invalid => None,
        Outcome::Rewritten(bytes) => bends(&url, &bytes, scheme),
    }
}

fn bends(url: &Url, rewritten: &[u8], scheme: Scheme) -> Option<Difference> {
    let text = String::from_utf8_lossy(rewritten).into_owned();
    let now = followed(&text, scheme);
    let tail = |url: &Url| url[url::Position::BeforePath..].to_owned();
    let good = now.is_some_and(|now| now.host_str() == Some(PUBLIC) && tail(&now) == tail(url));
    (!good).then_some(Difference::Bends(text))
}

#[test]
fn browsers_and_we_agree_about_hosts() {
    let inputs = inputs();
    assert!(inputs.len() > 700, "{} inputs", inputs.len());
    let cases = inputs.iter().flat_map(|input| [Scheme::Http, Scheme::Https].map(|scheme| (input, scheme)));
    let found: Vec<_> = cases
        .filter_map(|(input, scheme)| difference(input, scheme).map(|difference| (input, scheme, difference)))
        .collect();
    assert!(found.is_empty(), "{} differences: {found:#?}", found.len());
}

/// What only one of the two understands is left alone and counted: none of these is rewritten or passed in silence.
#[test]
fn what_parsers_disagree_about_is_invalid() {
    for (input, reason) in [
        ("http:example.com/", "browsers need no slashes"),
        ("http:/example.com/", "nor two of them"),
        ("http:\\\\example.com\\", "browsers take a backslash for a slash"),
        ("/\\example.com/", "the same without a scheme"),
        ("\\/example.com/", "the same"),
        ("ht\ttp://example.com/", "browsers drop tabs"),
        (" http://example.com/", "and blanks at the beginning"),
        ("http://ex%61mple.com/", "browsers decode the host"),
        ("http://127.1/", "browsers read numbers as addresses"),
        ("http://0x7f000001/", "in any base"),
        ("http://\u{ff45}xample.com/", "browsers map the host to ASCII"),
        ("http:///example.com/", "browsers drop slashes"),
    ] {
        let url = followed(input, Scheme::Https).unwrap();
        let outcome = rewritten(input, Scheme::Https, host_of(&url), url.port_or_known_default().unwrap());
        assert_eq!(outcome, Outcome::Invalid, "{input:?}: {reason}");
    }
}

#[test]
fn most_of_what_is_understood_is_rewritten() {
    let is_rewritten = |input: &String| {
        let url = followed(input, Scheme::Https).filter(|url| url.host_str() != Some(PUBLIC))?;
        let outcome = rewritten(input, Scheme::Https, host_of(&url), url.port_or_known_default()?);
        Some(matches!(outcome, Outcome::Rewritten(_)))
    };
    let outcomes: Vec<bool> = inputs().iter().filter_map(is_rewritten).collect();
    let count = outcomes.iter().filter(|rewritten| **rewritten).count();
    assert!(count > 100 && 2 * count > outcomes.len(), "{count} of {}", outcomes.len());
}
