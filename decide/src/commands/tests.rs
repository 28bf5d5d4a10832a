use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::priority::{Intent, Priority, PriorityRegion};

const SLOW: Fault = Fault { latency_milliseconds: 4000, error_percent: 0, dead: false, share_percent: None };
const NOW: Time = Time(1_790_000_000_000);

fn priorities() -> BTreeMap<String, Priority> {
    let of = |names: &[&str]| Priority {
        regions: names
            .iter()
            .map(|name| PriorityRegion { name: (*name).to_owned(), ..PriorityRegion::default() })
            .collect(),
        ..Priority::default()
    };
    [("all".to_owned(), of(&["a", "b", "c"])), ("only".to_owned(), of(&["a"]))].into()
}

fn order(command: Verb, region: &str, priority: Option<&str>) -> Order {
    let (_, begins) = command.kind();
    Order {
        command,
        region: region.to_owned(),
        priority: priority.map(ToOwned::to_owned),
        for_seconds: begins.then_some(600),
        fault: (command == Verb::Gameday).then_some(SLOW),
        reason: "maintenance".to_owned(),
    }
}

fn say(book: &mut Book, now: Time, order: &Order) -> Result<Vec<Command>, Refusal> {
    book.order(now, ("alice", "m"), order, &priorities())
}

fn after(seconds: u64) -> Time {
    NOW + Duration::from_secs(seconds)
}

fn intent(book: &Book, now: Time, priority: &str, region: &str) -> Intent {
    let priorities = priorities();
    book.govern(priority, &priorities[priority], now).intent(region)
}

#[test]
fn a_command_holds_until_its_end() {
    let mut book = Book::default();
    let made = say(&mut book, NOW, &order(Verb::Drain, "a", None)).unwrap();
    assert_eq!(made[0].to_string(), "drained by alice until 2026-09-21T14:23:20Z: maintenance");
    assert_eq!(intent(&book, after(599), "all", "a"), Intent::Drained);
    assert_eq!(intent(&book, after(600), "all", "a"), Intent::Auto);
    assert_eq!(book.expire(after(599)), []);
    assert_eq!(book.expire(after(600)), made);
    assert_eq!(book.all(), []);
}

#[test]
fn the_later_of_two_counts_whatever_the_clocks_say() {
    let mut book = Book::default();
    say(&mut book, NOW, &order(Verb::Drain, "a", Some("all"))).unwrap();
    let behind = Time(NOW.0 - 60_000);
    say(&mut book, behind, &order(Verb::Pin, "a", None)).unwrap();
    assert_eq!(intent(&book, NOW, "all", "a"), Intent::Pinned);
    say(&mut book, behind, &order(Verb::Unpin, "a", None)).unwrap();
    assert_eq!(intent(&book, NOW, "all", "a"), Intent::Drained);
    say(&mut book, behind, &order(Verb::Undrain, "a", None)).unwrap();
    assert_eq!(intent(&book, NOW, "all", "a"), Intent::Auto, "without a priority it ends those of each");
}

#[test]
fn gossip_does_not_bring_back_what_was_revoked() {
    let mut book = Book::default();
    let old = say(&mut book, NOW, &order(Verb::Drain, "a", None)).unwrap();
    say(&mut book, after(1), &order(Verb::Undrain, "a", None)).unwrap();
    for second in [2, 300, 599, 600, 3600] {
        book.expire(after(second));
        assert_eq!(book.merge(after(second), &old), [], "after {second} s");
    }
    assert!(book.in_force(after(2)).is_empty());
}

#[test]
fn what_nobody_can_have_issued_is_not_believed() {
    let mut good = Book::default();
    let made = say(&mut good, NOW, &order(Verb::Drain, "a", None)).unwrap();
    let changed = |change: fn(&mut Command)| {
        let mut command = made[0].clone();
        change(&mut command);
        [command]
    };
    let mut book = Book::default();
    for bad in [
        changed(|command| command.kind = Kind::Unknown),
        changed(|command| command.expires_at = NOW),
        changed(|command| command.expires_at = after(24 * 3600 + 1)),
        changed(|command| {
            command.issued_at = after(301);
            command.expires_at = after(302);
        }),
    ] {
        assert_eq!(book.merge(NOW, &bad), []);
    }
    assert_eq!(book.merge(NOW, &made), made);
    assert_eq!(book.merge(NOW, &made), [], "once");
    let newer = r#"{"id": "x", "kind": "Paint", "region": "a", "colour": "red"}"#;
    assert_eq!(serde_json::from_str::<Command>(newer).unwrap().kind, Kind::Unknown);
}

#[test]
fn bad_orders_name_the_field() {
    let mut book = Book::default();
    let with = |change: fn(&mut Order)| {
        let mut order = order(Verb::Drain, "b", None);
        change(&mut order);
        order
    };
    for (order, named) in [
        (with(|order| order.region = "x".into()), "region: \"x\" is in no RegionPriority"),
        (with(|order| order.priority = Some("only".into())), "priority: \"only\""),
        (with(|order| order.for_seconds = None), "forSeconds: 1 to 86400"),
        (with(|order| order.for_seconds = Some(0)), "forSeconds: 1 to 86400"),
        (with(|order| order.for_seconds = Some(86_401)), "forSeconds: 1 to 86400"),
        (with(|order| order.command = Verb::Unpin), "forSeconds"),
        (with(|order| order.reason = " ".into()), "reason"),
        (with(|order| order.reason = "two\nlines".into()), "reason"),
        (with(|order| order.reason = "x".repeat(257)), "reason"),
        (order(Verb::Drain, "a", Some("only")), "would leave no region"),
    ] {
        let refusal = say(&mut book, NOW, &order).unwrap_err().to_string();
        assert!(refusal.contains(named), "{order:?}: {refusal}");
    }
    assert_eq!(book, Book::default(), "a refusal changes nothing");
}

#[test]
fn a_drain_that_would_leave_no_region_is_not_followed() {
    let mut book = Book::default();
    for region in ["a", "b"] {
        say(&mut book, NOW, &order(Verb::Drain, region, None)).unwrap();
    }
    assert_eq!(intent(&book, NOW, "only", "a"), Intent::Auto, "it is the only one there");
    let priorities = priorities();
    let only = book.govern("only", &priorities["only"], NOW);
    assert_eq!(only.orders["a"].words(), "not drained, though alice wants it: no region would be left");
    let refusal = say(&mut book, NOW, &order(Verb::Drain, "c", None)).unwrap_err();
    assert_eq!(refusal, Refusal::NothingLeft("c".into(), "all".into()));
    // Taken apart from each other, the last one is not followed.
    let mut apart = Book::default();
    let last = say(&mut apart, after(1), &order(Verb::Drain, "c", None)).unwrap();
    book.merge(after(1), &last);
    let drained = ["a", "b", "c"].map(|region| intent(&book, after(1), "all", region));
    assert_eq!(drained, [Intent::Drained, Intent::Drained, Intent::Auto]);
}

#[test]
fn no_more_than_the_bound_and_what_is_known_can_still_be_ended() {
    let mut book = Book::default();
    let regions: Vec<String> = (0..300).map(|n| format!("r{n}")).collect();
    let entry = |name: &String| PriorityRegion { name: name.clone(), ..PriorityRegion::default() };
    let wide = Priority { regions: regions.iter().map(entry).collect(), ..Priority::default() };
    let wide = [("wide".to_owned(), wide)].into();
    let outcomes: Vec<_> = regions
        .iter()
        .map(|region| book.order(NOW, ("alice", "m"), &order(Verb::Pin, region, None), &wide).is_ok())
        .collect();
    assert_eq!(outcomes.iter().filter(|ok| **ok).count(), MAX_COMMANDS);
    let end = order(Verb::Unpin, "r0", None);
    assert!(book.order(NOW, ("alice", "m"), &end, &wide).is_ok());
    let mut other = Book::default();
    for region in regions.iter().skip(290) {
        other.order(after(9), ("bob", "n"), &order(Verb::Pin, region, None), &wide).unwrap();
    }
    let (mut one, mut two) = (book.clone(), other.clone());
    one.merge(after(9), other.all());
    two.merge(after(9), book.all());
    assert_eq!(one.all().len(), MAX_COMMANDS);
    assert_eq!(one, two, "the same ones go everywhere");
}

#[test]
fn a_full_book_does_not_keep_a_drain_of_one_priority_from_ending() {
    let entry = |name: String| PriorityRegion { name, ..PriorityRegion::default() };
    let regions: Vec<_> = (0..=MAX_COMMANDS).map(|n| entry(format!("r{n}"))).collect();
    let wide = [("wide".to_owned(), Priority { regions, ..Priority::default() })].into();
    let mut book = Book::default();
    let say = |book: &mut Book, now, order: &Order| book.order(now, ("alice", "m"), order, &wide);
    say(&mut book, NOW, &order(Verb::Drain, "r0", Some("wide"))).unwrap();
    for n in 1..MAX_COMMANDS {
        say(&mut book, NOW, &order(Verb::Pin, &format!("r{n}"), None)).unwrap();
    }
    let ended = say(&mut book, after(1), &order(Verb::Undrain, "r0", None)).unwrap();
    assert_eq!(ended.iter().map(|end| end.priority.as_deref()).collect::<Vec<_>>(), [Some("wide")]);
    assert!(book.in_force(after(1)).iter().all(|command| command.region != "r0"));
    let unknown = format!("r{MAX_COMMANDS}");
    assert_eq!(say(&mut book, after(1), &order(Verb::Undrain, &unknown, None)), Err(Refusal::Full));
    assert_eq!(say(&mut book, after(1), &order(Verb::Freeze, "r0", None)), Err(Refusal::Full));
}

#[test]
fn one_game_day_at_a_time_moves_no_intent_and_ends_within_the_hour() {
    let mut book = Book::default();
    let made = say(&mut book, NOW, &order(Verb::Gameday, "a", None)).unwrap();
    assert_eq!(
        made[0].to_string(),
        "on a game day, it adds 4000 ms to 100 % of its arrivals, by alice until 2026-09-21T14:23:20Z: maintenance"
    );
    assert_eq!(intent(&book, NOW, "all", "a"), Intent::Auto);
    let priorities = priorities();
    assert!(book.govern("all", &priorities["all"], NOW).orders["a"].words().starts_with("on a game day"));
    for region in ["a", "b"] {
        let second = say(&mut book, after(1), &order(Verb::Gameday, region, None)).unwrap_err();
        assert!(second.to_string().starts_with("a game day is under way: a is on a game day"), "{second}");
    }
    let mut apart = Book::default();
    let later = say(&mut apart, after(1), &order(Verb::Gameday, "b", None)).unwrap();
    book.merge(after(1), &later);
    apart.merge(after(1), &made);
    for book in [&book, &apart] {
        assert_eq!(book.gameday(after(1)).map(|it| it.region.as_str()), Some("a"), "the earlier one counts");
    }
    say(&mut book, after(2), &order(Verb::EndGameday, "a", None)).unwrap();
    say(&mut book, after(2), &order(Verb::EndGameday, "b", None)).unwrap();
    assert_eq!(book.gameday(after(2)), None);
    let mut forged = made[0].clone();
    forged.expires_at = after(3601);
    assert_eq!(Book::default().merge(NOW, &[forged]), [], "nobody may begin one for longer");
    let fault = |latency_milliseconds, error_percent, dead, share_percent| {
        Some(Fault { latency_milliseconds, error_percent, dead, share_percent })
    };
    for (fault, priority, revoked, kept) in [
        (fault(4000, 0, false, None), None, false, 1),
        (fault(4_000_000, 0, false, None), None, false, 0),
        (fault(0, 101, false, None), None, false, 0),
        (fault(5, 0, false, Some(0)), None, false, 0),
        (fault(0, 0, true, None), None, false, 1),
        (fault(0, 0, true, None), Some("all"), false, 0),
        (None, None, false, 0),
        (None, None, true, 1),
    ] {
        let heard = Command { fault, priority: priority.map(str::to_owned), revoked, ..made[0].clone() };
        let news = Book::default().merge(NOW, std::slice::from_ref(&heard));
        assert_eq!(news.len(), kept, "{heard:?}");
    }
}

#[test]
fn bad_game_days_name_the_field() {
    let with = |change: fn(&mut Order)| {
        let mut order = order(Verb::Gameday, "a", None);
        change(&mut order);
        order
    };
    for (order, named) in [
        (with(|order| order.fault = None), "fault: "),
        (with(|order| order.fault = Some(Fault::default())), "fault: "),
        (
            with(|order| {
                order.fault = Some(Fault { dead: true, ..Fault::default() });
                order.priority = Some("all".into());
            }),
            "fault: ",
        ),
        (with(|order| order.command = Verb::Drain), "fault: "),
        (with(|order| order.for_seconds = Some(3601)), "forSeconds: 1 to 3600"),
        (with(|order| order.for_seconds = None), "forSeconds: 1 to 3600"),
    ] {
        let refusal = say(&mut Book::default(), NOW, &order).unwrap_err().to_string();
        assert!(refusal.contains(named), "{order:?}: {refusal}");
    }
    let newer: Command = serde_json::from_str(r#"{"kind": "Gameday", "fault": {"packetLoss": 3}}"#).unwrap();
    assert!(!newer.fault.unwrap().is_sound(), "a fault of a newer gateway does nothing here");
}

fn any_command() -> impl Strategy<Value = Command> {
    let kind = prop_oneof![Just(Kind::Drain), Just(Kind::Pin), Just(Kind::Freeze)];
    (kind, 0..3_u8, proptest::option::of(0..2_u8), 0..20_u64, 0..3_u8, any::<bool>()).prop_map(
        |(kind, region, priority, issued, via, revoked)| Command {
            // What a gateway says twice at one moment is the same.
            id: format!("{via}-{issued}-{kind:?}-{region}-{priority:?}-{revoked}"),
            kind,
            region: region.to_string(),
            priority: priority.map(|name| name.to_string()),
            issued_at: after(issued),
            expires_at: after(issued + 600),
            revoked,
            ..Command::default()
        },
    )
}

proptest! {
    #[test]
    fn who_has_heard_the_same_holds_the_same(
        commands in proptest::collection::vec(any_command(), 0..40),
        cut in 0..40_usize,
    ) {
        let now = after(30);
        let (mut forth, mut back, mut apart, mut rest) = <(Book, Book, Book, Book)>::default();
        forth.merge(now, &commands);
        let reversed: Vec<Command> = commands.iter().rev().cloned().collect();
        back.merge(now, &reversed);
        let (left, right) = commands.split_at(cut.min(commands.len()));
        apart.merge(now, left);
        rest.merge(now, right);
        apart.merge(now, rest.all());
        apart.merge(now, left);
        prop_assert_eq!(&forth, &back);
        prop_assert_eq!(&forth, &apart);
    }
}
