//! The corpus of redirect headers, row by row, and what holds for every input.

use proptest::prelude::*;

use super::*;

const C: &str = "shop.example.com";

fn aliases() -> AliasSet {
    let mut aliases = AliasSet::default();
    for entry in [
        "shop.us.example.net",
        "shop.us.example.net:8443",
        "shop.default.svc.cluster.local:8080",
        "10.8.0.7:8080",
        "[fd00::7]:8080",
    ] {
        aliases.add(entry).unwrap();
    }
    aliases
}

/// `C`, `U` and `S` of the corpus stand alone in a row; here they are spelled `{C}`, `{U}` and `{S}`.
fn spell(text: &str) -> String {
    text.replace("{C}", C)
        .replace("{U}", "shop.us.example.net")
        .replace("{S}", "shop.default.svc.cluster.local")
}

fn with<T>(scheme: Scheme, authority: &str, check: impl FnOnce(&Context<'_>) -> T) -> T {
    let aliases = aliases();
    check(&Context { scheme, authority, aliases: &[&aliases], stripped_prefix: None })
}

type Rewrite = fn(&[u8], &Context<'_>) -> Outcome;

/// (row, what rewrites it, what the backend sends, what the client gets)
const ROWS: &[(u32, Rewrite, &str, &str)] = &[
    (1, rewrite_location, "http://{S}:8080/a", "https://{C}/a"),
    (2, rewrite_location, "http://{U}", "https://{C}/"),
    (3, rewrite_location, "http://{U}?x=1", "https://{C}/?x=1"),
    (4, rewrite_location, "HTTP://{U}/a", "https://{C}/a"),
    (5, rewrite_location, "http://SHOP.US.Example.NET/a", "https://{C}/a"),
    (6, rewrite_location, "http://{U}./a", "https://{C}/a"),
    (7, rewrite_location, "https://{U}:443/a", "https://{C}/a"),
    (7, rewrite_location, "http://{U}:80/a", "https://{C}/a"),
    (7, rewrite_location, "http://{U}:/a", "https://{C}/a"),
    (8, rewrite_location, "https://{U}:8443/a", "https://{C}/a"),
    (9, rewrite_location, "http://{U}:9999/a", "http://{U}:9999/a"),
    (10, rewrite_location, "//{U}/a", "//{C}/a"),
    (11, rewrite_location, "/a", "/a"),
    (11, rewrite_location, "a?b#c", "a?b#c"),
    (11, rewrite_location, "?x", "?x"),
    (11, rewrite_location, "#f", "#f"),
    (12, rewrite_location, "http://[FD00:0::7]:8080/a", "https://{C}/a"),
    (13, rewrite_location, "http://u:p@{U}/a", "https://{C}/a"),
    (14, rewrite_location, "http://{U}@evil.example/", "http://{U}@evil.example/"),
    (14, rewrite_location, "http://{U}.evil.example/", "http://{U}.evil.example/"),
    (14, rewrite_location, "http://evilshop.us.example.net/", "http://evilshop.us.example.net/"),
    (16, rewrite_location, "https://idp.example/a?u=http://{U}/cb", "https://idp.example/a?u=http://{U}/cb"),
    (17, rewrite_location, "http://{U}/login?next=http://{U}/x", "https://{C}/login?next=http://{U}/x"),
    (18, rewrite_location, "http://{U}/a#f", "https://{C}/a#f"),
    (19, rewrite_location, "https://partner.example/x", "https://partner.example/x"),
    (19, rewrite_location, "mailto:x@{U}", "mailto:x@{U}"),
    (19, rewrite_location, "myapp://{U}/cb", "myapp://{U}/cb"),
    (23, rewrite_location, "http://{U}/a,b;c", "https://{C}/a,b;c"),
    (24, rewrite_location, "http://{U}/a%2Fb/%2e%2e//c", "https://{C}/a%2Fb/%2e%2e//c"),
    (27, rewrite_refresh, "5;URL='http://{U}/a'", "5;URL='https://{C}/a'"),
    (27, rewrite_refresh, "0; url=\"http://{U}/a\" ", "0; url=\"https://{C}/a\" "),
    (27, rewrite_refresh, "0,http://{U}/a", "0,https://{C}/a"),
    (27, rewrite_refresh, "5", "5"),
    (28, rewrite_location, "http://{U}/a", "https://{C}/a"),
    (29, rewrite_link, "<http://{U}/a>;rel=next", "<https://{C}/a>;rel=next"),
    (
        29,
        rewrite_link,
        "</a>;t=\"<\\\"<http://{U}/>\", <http://{U}>",
        "</a>;t=\"<\\\"<http://{U}/>\", <https://{C}/>",
    ),
    (30, rewrite_set_cookie, "a=b; Path=/; Domain={U}", "a=b; Path=/; Domain={C}"),
    (30, rewrite_set_cookie, "a=b;domain=.{U};Secure", "a=b;domain={C};Secure"),
    (30, rewrite_set_cookie, "a=b; Domain=example.net", "a=b; Domain=example.net"),
    (30, rewrite_set_cookie, "__Host-a=b; Domain={U}", "__Host-a=b; Domain={U}"),
    (30, rewrite_set_cookie, "domain={U}; Path=/", "domain={U}; Path=/"),
    (32, rewrite_location, "http://other.us.example.net/a", "http://other.us.example.net/a"),
    (33, rewrite_location, "https://{C}/a", "https://{C}/a"),
];

#[test]
fn corpus() {
    with(Scheme::Https, C, |context| {
        for (row, rewrite, sent, expected) in ROWS {
            let (sent, expected) = (spell(sent), spell(expected));
            let outcome = rewrite(sent.as_bytes(), context);
            assert_ne!(outcome, Outcome::Invalid, "row {row}: {sent}");
            assert_eq!(text(outcome.clone(), &sent), expected, "row {row}: {sent}");
            assert_eq!(outcome == Outcome::Same, sent == expected, "row {row}: counted as what it is");
        }
    });
}

#[test]
fn row_15_is_left_alone_and_counted() {
    with(Scheme::Https, C, |context| {
        for sent in
            ["http://{U}\\@evil.example/", "http://{U}:8443evil/", "http://[::/", "http:///a", "//{U}:99999/"]
        {
            let sent = spell(sent);
            assert_eq!(rewrite_location(sent.as_bytes(), context), Outcome::Invalid, "{sent}");
        }
    });
}

#[test]
fn row_20_never_downgrades() {
    let mut aliases = aliases();
    aliases.add(C).unwrap();
    let context = Context { scheme: Scheme::Http, authority: C, aliases: &[&aliases], stripped_prefix: None };
    assert_eq!(rewrite_location(b"https://shop.example.com/a", &context), Outcome::Same);
    with(Scheme::Http, C, |context| {
        assert_eq!(rewrite_location(b"https://shop.example.com/a", context), Outcome::Same);
    });
}

#[test]
fn row_21_keeps_the_port_that_the_client_named() {
    with(Scheme::Https, "shop.example.com:8443", |context| {
        let sent = spell("http://{U}/a");
        assert_eq!(
            text(rewrite_location(sent.as_bytes(), context), &sent),
            "https://shop.example.com:8443/a"
        );
        let cookie = spell("a=b; Domain={U}");
        assert_eq!(text(rewrite_set_cookie(cookie.as_bytes(), context), &cookie), spell("a=b; Domain={C}"));
    });
}

#[test]
fn row_22_gives_a_stripped_prefix_back() {
    let aliases = aliases();
    let context =
        Context { scheme: Scheme::Https, authority: C, aliases: &[&aliases], stripped_prefix: Some("/shop") };
    for (sent, expected) in [("/a", "/shop/a"), ("http://{U}/a", "https://{C}/shop/a"), ("a", "a")] {
        let (sent, expected) = (spell(sent), spell(expected));
        assert_eq!(text(rewrite_location(sent.as_bytes(), &context), &sent), expected);
    }
}

#[test]
fn bytes_that_are_no_text_pass_through() {
    with(Scheme::Https, C, |context| {
        let outcome = rewrite_location(b"http://10.8.0.7:8080/\xff\xfe", context);
        assert_eq!(outcome, Outcome::Rewritten(b"https://shop.example.com/\xff\xfe".to_vec()));
    });
}

#[test]
fn aliases_that_are_no_hosts_are_refused() {
    for entry in ["", "a b", "http://", "host:port", "u@host", "host:70000", "host/path", "[::1"] {
        assert!(AliasSet::default().add(entry).is_err(), "{entry:?}");
    }
    for entry in ["host", "host:80", " https://host:8443/ ", "[::1]", "[::1]:80", "10.0.0.1:80"] {
        assert_eq!(AliasSet::default().add(entry), Ok(()), "{entry:?}");
    }
}

fn text(outcome: Outcome, value: &str) -> String {
    String::from_utf8(outcome.apply(value.as_bytes()).into_owned()).unwrap()
}

/// Values near the edges of the grammar, most of them with an alias somewhere.
fn value() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "http:",
        "https:",
        "HTTP:",
        "//",
        "/",
        "\\",
        "shop.us.example.net",
        "shop.example.com",
        ".",
        ":80",
        ":8443",
        ":",
        "@",
        "?",
        "#",
        "[fd00::7]",
        "10.8.0.7:8080",
        "a",
        "%2e",
        "\t",
        "127.1",
        "url=",
        "0;",
        "Domain=",
        ";",
        ",",
        " ",
        "'",
        "<",
        ">",
    ]);
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

#[test]
fn refresh_is_read_as_browsers_read_it() {
    with(Scheme::Https, C, |context| {
        for (sent, expected) in [
            ("0;url=http://{U}/a", "0;url=https://{C}/a"),
            ("0; URL = \"http://{U}/a\"", "0; URL = \"https://{C}/a\""),
            ("0,http://{U}/a", "0,https://{C}/a"),
            ("1.5 url=http://{U}/a;b,c", "1.5 url=https://{C}/a;b,c"),
            ("  3 ; http://{U}/a ", "  3 ; https://{C}/a "),
            ("0;url='http://{U}/a' rest", "0;url='https://{C}/a' rest"),
            ("0;url='http://{U}/a", "0;url='https://{C}/a"),
            ("5", "5"),
            ("; \t\n", "; \t\n"), // found by fuzzing
            ("5;", "5;"),
            ("0;url=/a", "0;url=/a"),
            ("0;url=http://partner.example/?u=http://{U}/", "0;url=http://partner.example/?u=http://{U}/"),
            ("http://{U}/a", "http://{U}/a"),
        ] {
            let (sent, expected) = (spell(sent), spell(expected));
            assert_eq!(text(rewrite_refresh(sent.as_bytes(), context), &sent), expected, "{sent}");
        }
    });
}

proptest! {
    /// The region that serves rewrites with its names, the one that forwards again with its own.
    #[test]
    fn the_second_region_changes_nothing_of_the_first_ones_work(value in value()) {
        let (mut here, mut there) = (AliasSet::default(), aliases());
        here.add("shop.cn.example.net").unwrap();
        there.add("10.9.0.1:8080").unwrap();
        let context = |aliases| Context { scheme: Scheme::Https, authority: C, aliases, stripped_prefix: None };
        let (serving, forwarding) = ([&there], [&here]);
        for rewrite in [rewrite_location as Rewrite, rewrite_refresh, rewrite_set_cookie, rewrite_link] {
            let Outcome::Rewritten(once) = rewrite(value.as_bytes(), &context(&serving)) else { continue };
            prop_assert_eq!(rewrite(&once, &context(&forwarding)), Outcome::Same);
        }
    }

    #[test]
    fn rewriting_twice_is_rewriting_once(value in value(), https in any::<bool>(), port in any::<bool>()) {
        let scheme = if https { Scheme::Https } else { Scheme::Http };
        let authority = if port { "shop.example.com:8443" } else { C };
        with(scheme, authority, |context| {
            for rewrite in [rewrite_location as Rewrite, rewrite_refresh, rewrite_set_cookie, rewrite_link] {
                let once = rewrite(value.as_bytes(), context).apply(value.as_bytes()).into_owned();
                let twice = rewrite(&once, context).apply(&once).into_owned();
                prop_assert_eq!(&once, &twice);
            }
            Ok(())
        })?;
    }

    #[test]
    fn only_aliases_change_and_only_their_origin(value in value()) {
        with(Scheme::Https, C, |context| {
            if let Outcome::Rewritten(rewritten) = rewrite_location(value.as_bytes(), context) {
                let rewritten = String::from_utf8(rewritten).unwrap();
                let tail = rewritten.trim_start_matches("https:").strip_prefix("//shop.example.com").unwrap();
                prop_assert!(value.ends_with(tail) || value.ends_with(&tail[1..]));
                // A URL library agrees about who was meant.
                let base = url::Url::parse("https://shop.example.com/cart").unwrap();
                let host = base.join(&value).ok().and_then(|url| url.host_str().map(str::to_owned));
                let host = host.unwrap_or_default();
                prop_assert!(
                    context.is_alias_host(&Host::name(&host)),
                    "{} was rewritten, but names {}", value, host
                );
            }
            Ok(())
        })?;
    }

    #[test]
    fn nothing_panics(value in prop::collection::vec(any::<u8>(), 0..40)) {
        with(Scheme::Http, C, |context| {
            for rewrite in [rewrite_location as Rewrite, rewrite_refresh, rewrite_set_cookie, rewrite_link] {
                let _ = rewrite(&value, context);
            }
        });
    }
}
