//! Files with one fault each, and the words in which it is told.

use super::parse;

const GOOD: &str = "
backends:
  shop:
    endpoints: [10.0.0.1:8080]
routes:
- name: shop
  host: shop.example.com
  backend: shop
";

fn faults(text: &str) -> Vec<String> {
    parse(text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_file_is_read() {
    assert_eq!(faults(GOOD), [""; 0]);
    assert_eq!(parse(GOOD).unwrap().routes[0].path, "/");
    assert_eq!(faults("{}"), [""; 0], "nothing is a gateway without routes");
}

#[test]
fn a_fault_names_its_line_its_field_and_what_is_allowed() {
    for (from, to, told) in [
        ("backend: shop", "backend: sop", "line 8: routes[0].backend: \"sop\" is not one of backends: shop"),
        (
            "  host:",
            "  hots:",
            "line 7: routes[0].hots: is not known; allowed here: affinityCookie, backend,",
        ),
        ("routes:\n- name: shop\n", "routes:\n-\n", "line 7: routes[0]: name is required"),
        ("name: shop", "name: Shop!", "line 6: routes[0].name: \"Shop!\" must match"),
        (
            "  host:",
            "  pathType: Regex\n  host:",
            "line 7: routes[0].pathType: \"Regex\" is not allowed; one of Prefix, Exact",
        ),
        ("  host:", "  path: api\n  host:", "line 7: routes[0].path: \"api\" must match ^/"),
        (
            "  host:",
            "  maxBodyBytes: many\n  host:",
            "line 7: routes[0].maxBodyBytes: is a string; must be an integer",
        ),
        (
            "shop.example.com",
            "a.*.example.com",
            "line 6: routes[0]: rules.host \"a.*.example.com\": a wildcard",
        ),
        ("[10.0.0.1:8080]", "10.0.0.1:8080", "line 4: backends.shop.endpoints: is a string; must be a list"),
        ("[10.0.0.1:8080]", "[nowhere]", "line 4"),
        (
            "backends:",
            "bounds: {headerTimeoutSeconds: 0}\nbackends:",
            "headerTimeoutSeconds: is 0; allowed: 1 to 3600",
        ),
        ("backends:", "bounds: {trustedProxies: [10.0.0.0/33]}\nbackends:", "such as 10.0.0.7 or 10.0.0.0/8"),
        (
            "  backend: shop",
            "  backend: shop\n- {name: again, host: shop.example.com, backend: shop}",
            "line 9: routes[1]: shop.example.com/ is already served by the earlier route shop",
        ),
        (
            "  backend: shop",
            "  backend: shop\n  priority: first",
            "routes[0].priority: \"first\" is not one of priorities",
        ),
        (
            "  backend: shop",
            "  backend: shop\n  redirectAliases: ['a b']",
            "routes[0].redirectAliases[0]: \"a b\" is not a host",
        ),
        (
            "backends:",
            "priorities: {p: {regions: [{name: a}, {name: a}]}}\nbackends:",
            "priorities.p.regions: names a region twice",
        ),
        (
            "backends:",
            "priorities: {p: {regions: [{name: a}], helth: {}}}\nbackends:",
            "priorities.p.helth: is not known; allowed here: dns,",
        ),
        (
            "backends:",
            "priorities: {p: {regions: []}}\nbackends:",
            "priorities.p.regions: has 0 entries; allowed: 1 to 64",
        ),
        (
            "backends:",
            "priorities: {p: {regions: [{name: a}], shift: {stepsPercent: [50, 10]}}}\nbackends:",
            "priorities.p.shift.stepsPercent: must ascend",
        ),
        (
            "  host:",
            "  pathType: Exact\n  stripPrefix: true\n  host:",
            "line 8: routes[0].stripPrefix: needs pathType Prefix",
        ),
        ("backends:", "region: Shen Zhen\nbackends:", "line 2: region: \"Shen Zhen\" must match"),
        ("backends:", "peers: 3\nbackends:", "line 2: peers: is an integer; must be a list"),
        ("backends:", "backends: [\n", "line "),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD);
        let told_here = faults(&text);
        assert!(told_here.iter().any(|fault| fault.contains(told)), "{told}\nis not in {told_here:#?}");
    }
}

#[test]
fn all_faults_are_told_at_once() {
    let text = GOOD.replacen("backend: shop", "backend: a\n- {name: b, backend: b}", 1);
    assert_eq!(faults(&text).len(), 2, "{:#?}", faults(&text));
}
