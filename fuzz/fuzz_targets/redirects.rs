//! Redirect headers of backends: nothing panics, rewriting twice is rewriting once, and what was rewritten leads to the
//! public host.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spillway_decide::redirects::{
    AliasSet, Context, Outcome, Scheme, rewrite_link, rewrite_location, rewrite_refresh, rewrite_set_cookie,
};

fuzz_target!(|data: &[u8]| {
    let Some((&choice, value)) = data.split_first() else { return };
    let mut aliases = AliasSet::default();
    for alias in ["shop.us.example.net", "shop.us.example.net:8443", "10.8.0.7:8080", "[fd00::7]:8080"] {
        aliases.add(alias).unwrap();
    }
    let scheme = if choice & 1 == 0 { Scheme::Http } else { Scheme::Https };
    let authority = if choice & 2 == 0 { "shop.example.com" } else { "shop.example.com:8443" };
    let context = Context { scheme, authority, aliases: &[&aliases], stripped_prefix: None };
    for rewrite in [rewrite_location, rewrite_refresh, rewrite_set_cookie, rewrite_link] {
        let once = rewrite(value, &context).apply(value).into_owned();
        let twice = rewrite(&once, &context).apply(&once).into_owned();
        assert_eq!(once, twice);
    }
    if let Outcome::Rewritten(rewritten) = rewrite_location(value, &context) {
        let rest = rewritten.strip_prefix(scheme.as_str().as_bytes()).and_then(|rest| rest.strip_prefix(b":"));
        let rest = rest.unwrap_or(&rewritten).strip_prefix(b"//").unwrap();
        let rest = rest.strip_prefix(authority.as_bytes()).unwrap();
        assert_eq!(rest.first(), Some(&b'/'));
    }
    // With a prefix only: it may be put before any path, so twice is not once.
    let _ = rewrite_location(value, &Context { stripped_prefix: Some("/shop"), ..context });
});
