//! The truth table, row by row, and what must be true of every plan.

use proptest::prelude::*;

use super::*;

const HUB: &str = "hub-1";
const OPEN: Synced = Synced { hub: true, member: true };
const ABSENT: Want = Want::Absent(Absence::Orphaned);

fn seen(hub: Option<&str>, fingerprint: u128) -> Seen {
    let owner = hub.map(|hub| Owner { hub: hub.into(), source: "s".into() });
    Seen { owner, uid: "u".into(), fingerprint }
}

#[test]
fn truth_table() {
    let present = Want::Present { fingerprint: 1 };
    let (ours, other, foreign) = (seen(Some(HUB), 1), seen(Some(HUB), 2), seen(None, 1));
    let leave = |reason| Change::Leave(reason);
    let uid = || "u".to_owned();
    let blind = [Synced { hub: false, member: true }, Synced { hub: true, member: false }];
    let table: Vec<(Want, Option<&Seen>, Synced, Change)> = vec![
        (present, None, OPEN, Change::Create),
        (present, None, blind[1], leave(Reason::NotSynced)),
        (present, Some(&ours), blind[1], leave(Reason::InStep)),
        (present, Some(&other), blind[1], Change::Update { uid: uid() }),
        (Want::Undecided, None, OPEN, leave(Reason::Undecided)),
        (Want::Undecided, Some(&ours), OPEN, leave(Reason::Undecided)),
        (Want::Released, Some(&ours), OPEN, Change::Release { uid: uid() }),
        (Want::Released, None, OPEN, leave(Reason::Gone)),
        (Want::Released, Some(&foreign), OPEN, leave(Reason::Foreign)),
        (ABSENT, None, OPEN, leave(Reason::Gone)),
        (ABSENT, Some(&foreign), OPEN, leave(Reason::Foreign)),
        (ABSENT, Some(&ours), blind[0], leave(Reason::NotSynced)),
        (ABSENT, Some(&ours), blind[1], leave(Reason::NotSynced)),
        (ABSENT, Some(&ours), OPEN, Change::Delete { uid: uid(), why: Absence::Orphaned }),
    ];
    for (want, seen, synced, expected) in table {
        assert_eq!(change(HUB, want, seen, synced), expected, "{want:?} {seen:?} {synced:?}");
    }
    for foreign in [foreign, seen(Some("hub-2"), 1)] {
        let change = change(HUB, present, Some(&foreign), OPEN);
        assert!(matches!(change, Change::Conflict { .. }), "{change:?}");
    }
}

#[test]
fn guard_holds_more_than_ten_or_a_fifth() {
    // total, recent, allowed, deletes → what becomes of them
    let table = [
        (5, 0, 0, 5, "Pass"),
        (12, 0, 0, 10, "Pass"),
        (12, 0, 0, 11, "Hold"),
        (100, 0, 0, 20, "Pass"),
        (100, 0, 0, 21, "Hold"),
        (100, 15, 0, 6, "Hold"),
        (100, 15, 100, 100, "Allowed"),
        (100, 0, 99, 100, "Hold"),
        (100, 0, 100, 20, "Pass"),
    ];
    for (total, recent, allowed, deletes, expected) in table {
        let sweep = Guard { total, recent, allowed }.sweep((0..deletes).collect::<Vec<_>>());
        let became = format!("{sweep:?}");
        assert!(became.starts_with(expected), "{total} {recent} {allowed} {deletes}: {became}");
    }
}

fn any_want() -> impl Strategy<Value = Want> {
    prop_oneof![
        (0..3_u128).prop_map(|fingerprint| Want::Present { fingerprint }),
        Just(Want::Undecided),
        Just(Want::Released),
        Just(Want::Absent(Absence::Requested)),
        Just(Want::Absent(Absence::Unselected)),
    ]
}

fn any_seen() -> impl Strategy<Value = Seen> {
    (prop_oneof![Just(None), Just(Some(HUB)), Just(Some("hub-2"))], 0..3_u128).prop_map(|(h, f)| seen(h, f))
}

/// What a member shows after a change was made there.
fn apply(want: Want, seen: Option<Seen>, change: &Change) -> Option<Seen> {
    match (change, want) {
        (Change::Create | Change::Update { .. }, Want::Present { fingerprint }) => {
            Some(super::tests::seen(Some(HUB), fingerprint))
        }
        (Change::Delete { .. }, _) => None,
        (Change::Release { .. }, _) => seen.map(|seen| Seen { owner: None, ..seen }),
        _ => seen,
    }
}

proptest! {
    #[test]
    fn never_touches_what_is_foreign(want in any_want(), seen in any_seen(), hub: bool, member: bool) {
        let change = change(HUB, want, Some(&seen), Synced { hub, member });
        if seen.owner.as_ref().is_none_or(|owner| owner.hub != HUB) {
            prop_assert!(matches!(change, Change::Leave(_) | Change::Conflict { .. }), "{change:?}");
        }
    }

    #[test]
    fn never_deletes_blind(want in any_want(), seen in proptest::option::of(any_seen()), hub: bool) {
        let change = change(HUB, want, seen.as_ref(), Synced { hub, member: !hub });
        prop_assert!(!matches!(change, Change::Delete { .. }), "{change:?}");
    }

    /// Applying a plan once is enough: the next plan changes nothing.
    #[test]
    fn converges_in_one_step(
        wants in proptest::collection::btree_map(0..12_u8, any_want(), 0..12),
        seen in proptest::collection::btree_map(0..12_u8, any_seen(), 0..12),
    ) {
        let first = plan(HUB, &wants, &seen, OPEN);
        let after = first.iter().filter_map(|(key, change)| {
            let want = wants.get(key).copied().unwrap_or(ABSENT);
            Some((*key, apply(want, seen.get(key).cloned(), change)?))
        });
        for (key, change) in plan(HUB, &wants, &after.collect(), OPEN) {
            prop_assert!(matches!(change, Change::Leave(_) | Change::Conflict { .. }), "{key}: {change:?}");
        }
    }
}
