//! The head of every response on its way to the client: hop-by-hop fields go, redirects stay on the public
//! host. The region that serves does it with its own names; the region that forwards does it again with
//! its own, which changes nothing that is right already.

use http::header::{self, Entry, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode, Version};
use spillway_decide::redirects::{
    Context, Outcome, rewrite_link, rewrite_location, rewrite_refresh, rewrite_set_cookie,
};
use spillway_decide::routes::Route;

use super::{Origin, Proxy, headers};
use crate::body::Body;
use crate::config::Config;
use crate::metrics::Metrics;

type Rewrite = fn(&[u8], &Context<'_>) -> Outcome;

/// Fields that carry a URL or a host of ours, and how each is read.
const CARRIERS: [(HeaderName, Rewrite); 4] = [
    (header::LOCATION, rewrite_location),
    (header::CONTENT_LOCATION, rewrite_location),
    (header::REFRESH, rewrite_refresh),
    (header::SET_COOKIE, rewrite_set_cookie),
];

impl Proxy {
    /// Makes a response of a backend or peer ours.
    pub(super) fn finish_response(
        &self,
        response: &mut Response<Body>,
        config: &Config,
        route: &Route,
        origin: &Origin,
        stripped_prefix: Option<&str>,
    ) {
        *response.version_mut() = Version::HTTP_11;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            headers::strip_hop(response.headers_mut());
        }
        headers::add_via(response.headers_mut(), &self.inner.via);
        // Most answers have none: one look at all names takes less time than asking for each.
        if !response.headers().keys().any(may_carry) {
            return;
        }
        let backend_aliases = config.backends.get(&route.backend).map(|backend| &backend.aliases);
        let aliases = [Some(&route.aliases), backend_aliases];
        let aliases: Vec<_> = aliases.into_iter().flatten().collect();
        let context = Context {
            scheme: origin.scheme,
            authority: &origin.authority,
            aliases: &aliases,
            stripped_prefix,
        };
        if route.rewrite_links {
            rewrite_field(response.headers_mut(), &header::LINK, rewrite_link, &context, &self.inner.metrics);
        }
        rewrite(response.headers_mut(), &context, &self.inner.metrics);
    }
}

fn may_carry(name: &HeaderName) -> bool {
    *name == header::LINK || CARRIERS.iter().any(|(carrier, _)| carrier == name)
}

fn rewrite(headers: &mut HeaderMap, context: &Context<'_>, metrics: &Metrics) {
    keep_first_location(headers);
    for (name, rewrite) in &CARRIERS {
        rewrite_field(headers, name, *rewrite, context, metrics);
    }
}

fn rewrite_field(
    headers: &mut HeaderMap,
    name: &HeaderName,
    rewrite: Rewrite,
    context: &Context<'_>,
    metrics: &Metrics,
) {
    // Asked for first: an entry makes room for a value that never comes.
    if !headers.contains_key(name) {
        return;
    }
    let Entry::Occupied(mut values) = headers.entry(name) else { return };
    for value in values.iter_mut() {
        match rewrite(value.as_bytes(), context) {
            Outcome::Same => {}
            Outcome::Invalid => metrics.location_invalid(),
            Outcome::Rewritten(bytes) => {
                if let Ok(rewritten) = HeaderValue::from_bytes(&bytes) {
                    *value = rewritten;
                    metrics.location_rewritten(name);
                }
            }
        }
    }
}

/// Two `Location` fields mean two things to two clients; the first is what most obey.
fn keep_first_location(headers: &mut HeaderMap) {
    if headers.get_all(header::LOCATION).iter().nth(1).is_some()
        && let Some(first) = headers.get(header::LOCATION).cloned()
    {
        headers.insert(header::LOCATION, first);
    }
}

#[cfg(test)]
mod tests {
    use spillway_decide::redirects::{AliasSet, Scheme};

    use super::*;

    /// Rows 25 and 31 of the corpus: what a whole response shows and a single value does not.
    #[test]
    fn a_response_keeps_one_location_and_all_that_is_no_redirect() {
        let mut aliases = AliasSet::default();
        aliases.add("shop.us.example.net").unwrap();
        let context = Context {
            scheme: Scheme::Https,
            authority: "shop.example.com",
            aliases: &[&aliases],
            stripped_prefix: None,
        };
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("location", "http://shop.us.example.net/1"),
            ("location", "http://shop.us.example.net/2"),
            ("access-control-allow-origin", "http://shop.us.example.net"),
            ("content-security-policy", "default-src http://shop.us.example.net"),
            ("set-cookie", "a=1; Domain=shop.us.example.net"),
            ("set-cookie", "b=2"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let metrics = Metrics::new();
        rewrite(&mut headers, &context, &metrics);
        let got: Vec<_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(
            got,
            [
                ("location", "https://shop.example.com/1"),
                ("access-control-allow-origin", "http://shop.us.example.net"),
                ("content-security-policy", "default-src http://shop.us.example.net"),
                ("set-cookie", "a=1; Domain=shop.example.com"),
                ("set-cookie", "b=2"),
            ]
        );
        assert_eq!(metrics.counters()["locationsRewritten"], 1);
    }
}
