//! The map against a model that is too simple to be wrong.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use spillway_placement::{Error, Fingerprint, ObjectKey, PlacementMap, Row, State};

/// As many members as need two blocks an object; operations pick among a few, at both ends of both.
const MEMBERS: usize = 70;
const PICKED: [usize; 6] = [0, 1, 31, 63, 64, 69];
const OBJECTS: u8 = if cfg!(miri) { 5 } else { 80 };
/// Miri takes a thousand times as long.
const OPS: usize = if cfg!(miri) { 25 } else { 300 };

#[derive(Debug, Clone)]
enum Op {
    Set { member: usize, object: u8, row: Row },
    Leave { member: usize, limit: usize, steps: usize },
    Clear { limit: usize },
}

fn key(object: u8) -> ObjectKey {
    ObjectKey::new("Ingress", &format!("ns{}", object % 3), &format!("web{object}"))
}

fn name(member: usize) -> String {
    format!("region-{member}")
}

fn row() -> impl Strategy<Value = Row> {
    let print = || proptest::option::of((1..3_u128).prop_map(Fingerprint::new));
    (print(), print(), print(), 0..2_u32).prop_map(|(desired, applied, observed, tries)| Row {
        desired,
        applied,
        observed,
        since: 7,
        tries,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let member = || prop::sample::select(PICKED.as_slice());
    prop_oneof![
        60 => (member(), 0..OBJECTS, row()).prop_map(|(member, object, row)| Op::Set { member, object, row }),
        2 => (member(), 0..9_usize, 1..4_usize).prop_map(|(member, limit, steps)| Op::Leave { member, limit, steps }),
        1 => (0..20_usize).prop_map(|limit| Op::Clear { limit }),
    ]
}

type Model = BTreeMap<(usize, ObjectKey), Row>;

fn joined() -> PlacementMap {
    let map = PlacementMap::default();
    for member in 0..MEMBERS {
        map.join(&name(member)).unwrap();
    }
    map
}

fn play(map: &PlacementMap, model: &mut Model, op: &Op) {
    match *op {
        Op::Set { member, object, row } => {
            map.upsert(&key(object), &name(member), |r| *r = row).unwrap();
            model.insert((member, key(object)), row);
            model.retain(|_, row| !row.is_empty());
        }
        Op::Leave { member, limit, steps } => {
            let left = (0..steps).map_while(|_| map.leave(&name(member), limit).ok()).last().unwrap();
            map.join(&name(member)).unwrap();
            keep_what_is_left(map, model, |m| m == member);
            let kept = model.keys().filter(|(m, _)| *m == member).count();
            assert!(kept == left || (kept, left) == (0, 1), "{left} left, {kept} kept");
        }
        Op::Clear { limit } => {
            let objects = map.clear(limit);
            keep_what_is_left(map, model, |_| true);
            assert_eq!(model.keys().map(|(_, k)| k).collect::<BTreeSet<_>>().len(), objects);
        }
    }
}

/// Which rows a step takes is the map's business; that it invents none and changes none is checked here.
fn keep_what_is_left(map: &PlacementMap, model: &mut Model, of: impl Fn(usize) -> bool) {
    for member in (0..MEMBERS).filter(|member| of(*member)) {
        let left: BTreeMap<_, _> = walk(map, &name(member), 9, false).into_iter().collect();
        for (key, row) in &left {
            assert_eq!(model.get(&(member, key.clone())), Some(row));
        }
        model.retain(|(m, key), _| *m != member || left.contains_key(key));
    }
}

fn walk(map: &PlacementMap, member: &str, limit: usize, out_of_step: bool) -> Vec<(ObjectKey, Row)> {
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let chunk = if out_of_step {
            map.out_of_step(member, cursor.as_ref(), limit)
        } else {
            map.rows_of_member(member, cursor.as_ref(), limit)
        };
        let chunk = chunk.unwrap();
        assert!(chunk.rows.len() <= limit);
        seen.extend(chunk.rows);
        cursor = chunk.next;
        if cursor.is_none() {
            seen.sort_by(|(a, _), (b, _)| a.cmp(b));
            return seen;
        }
    }
}

fn assert_same(map: &PlacementMap, model: &Model, limit: usize) {
    for member in PICKED {
        let rows = model.iter().filter(|((m, _), _)| *m == member);
        let expected: Vec<_> = rows.map(|((_, k), r)| (k.clone(), *r)).collect();
        let off: Vec<_> = expected.iter().filter(|(_, r)| r.state() != State::InStep).cloned().collect();
        for state in State::ALL {
            let count = expected.iter().filter(|(_, r)| r.state() == state).count();
            assert_eq!(map.counts(&name(member)).unwrap().of(state), count);
        }
        assert_eq!(walk(map, &name(member), limit, false), expected);
        assert_eq!(walk(map, &name(member), limit, true), off);
    }
    assert_eq!(map.totals().total(), model.len());
    for key in (0..OBJECTS).map(key) {
        let id = map.find(&key);
        assert_eq!(id.is_some(), model.keys().any(|(_, k)| *k == key), "{key} is known while it has rows");
        let of_object: BTreeMap<_, _> = map.rows_of_object(&key).into_iter().collect();
        let rows = model.iter().filter(|((_, k), _)| *k == key);
        let expected: BTreeMap<_, _> = rows.map(|((m, _), r)| (name(*m).into(), *r)).collect();
        assert_eq!(of_object, expected);
        for member in PICKED {
            let row = map.get(&key, &name(member)).unwrap();
            assert_eq!(row, model.get(&(member, key.clone())).copied());
            if let Some(id) = id {
                assert_eq!(map.row(id, map.member(&name(member)).unwrap()).unwrap(), row);
            }
        }
    }
    let growth = map.growth();
    assert_eq!(growth.rows, model.len() as u64);
    assert!(growth.row_capacity >= growth.rows && growth.row_capacity * 64 <= growth.bytes, "{growth:?}");
}

proptest! {
    #[test]
    fn does_what_the_model_does(ops in prop::collection::vec(op(), 0..OPS), limit in 1..7_usize) {
        let (map, mut model) = (joined(), Model::new());
        for op in ops {
            play(&map, &mut model, &op);
        }
        assert_same(&map, &model, limit);
        while map.clear(5) > 0 {}
        assert_same(&map, &Model::new(), limit);
    }

    /// A row that is there all along is seen once, whatever others write during the walk.
    #[test]
    fn a_walk_survives_writers(ops in prop::collection::vec(op(), 0..OPS / 5), limit in 1..4_usize) {
        let map = joined();
        let lasting: Vec<_> = (100..110).map(key).collect();
        for object in &lasting {
            map.upsert(object, &name(1), |r| r.desired = Some(Fingerprint::new(1))).unwrap();
        }
        let mut sets = ops.into_iter().filter(|op| matches!(op, Op::Set { .. }));
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            if let Some(op) = sets.next() {
                play(&map, &mut Model::new(), &op);
            }
            let chunk = map.rows_of_member(&name(1), cursor.as_ref(), limit).unwrap();
            seen.extend(chunk.rows.into_iter().map(|(k, _)| k));
            cursor = chunk.next;
            if cursor.is_none() {
                break;
            }
        }
        for object in &lasting {
            prop_assert_eq!(seen.iter().filter(|k| *k == object).count(), 1);
        }
    }
}

#[test]
fn refuses_what_it_does_not_know() {
    let (map, other) = (PlacementMap::default(), PlacementMap::default());
    let unknown = map.get(&key(1), "tianjin").unwrap_err();
    assert_eq!(unknown.to_string(), "member \"tianjin\" has not joined the placement map");
    for m in [&map, &other] {
        for member in ["beijing", "chengdu"] {
            m.join(member).unwrap();
            m.upsert(&key(1), member, |r| r.desired = Some(Fingerprint::new(1))).unwrap();
        }
    }
    let cursor = map.rows_of_member("beijing", None, 1).unwrap().next.unwrap();
    assert!(map.rows_of_member("beijing", Some(&cursor), 1).unwrap().rows.is_empty());
    let foreign =
        |chunk: Result<_, Error>| chunk.map(|_: spillway_placement::Chunk| ()).unwrap_err().to_string();
    assert_eq!(
        foreign(map.rows_of_member("chengdu", Some(&cursor), 1)),
        "the cursor belongs to member \"beijing\", not to member \"chengdu\" of this map"
    );
    assert_eq!(
        foreign(other.out_of_step("beijing", Some(&cursor), 1)),
        "the cursor belongs to another map, not to member \"beijing\" of this map"
    );
    while map.leave("beijing", 9).unwrap() > 0 {}
    map.join("beijing").unwrap();
    assert_eq!(
        foreign(map.rows_of_member("beijing", Some(&cursor), 1)),
        "the cursor belongs to an earlier stay of member \"beijing\", not to member \"beijing\" of this map"
    );
}

#[test]
fn an_id_does_not_outlive_its_object_or_member() {
    let map = PlacementMap::default();
    let wanted = |r: &mut Row| r.desired = Some(Fingerprint::new(1));
    let (beijing, chengdu) = (map.join("beijing").unwrap(), map.join("chengdu").unwrap());
    let web = map.intern(&key(1)).unwrap();
    map.edit(web, beijing, wanted).unwrap();
    map.edit(web, beijing, |r| *r = Row::default()).unwrap();
    assert_eq!(map.edit(web, beijing, wanted), Err(Error::StaleObject(web)));
    let successor = map.intern(&key(2)).unwrap();
    map.edit(successor, chengdu, wanted).unwrap();
    assert_eq!(
        map.row(web, chengdu),
        Err(Error::StaleObject(web)),
        "the successor has the place, not the id"
    );

    assert_eq!(map.leave("beijing", 1), Ok(0));
    assert_eq!(map.edit(successor, beijing, wanted), Err(Error::StaleMember(beijing)));
    assert_eq!(map.row(successor, beijing), Err(Error::StaleMember(beijing)));
    assert_ne!(map.join("tianjin").unwrap(), beijing);
}

#[test]
fn a_member_that_leaves_is_written_no_more_and_may_come_back() {
    let map = PlacementMap::default();
    map.join("beijing").unwrap();
    for object in 0..3 {
        map.upsert(&key(object), "beijing", |r| r.desired = Some(Fingerprint::new(1))).unwrap();
    }
    assert_eq!(map.leave("beijing", 1), Ok(2));
    let refused = map.upsert(&key(9), "beijing", |_| ());
    assert_eq!(refused, Err(Error::UnknownMember("beijing".into())));
    assert!(map.members().is_empty());
    map.join("beijing").unwrap();
    assert_eq!(map.counts("beijing").unwrap().total(), 2, "what is left is known again");
}

/// An edit that panics leaves everything as it was.
#[test]
fn an_edit_that_panics_changes_nothing() {
    let map = PlacementMap::default();
    map.join("beijing").unwrap();
    map.upsert(&key(1), "beijing", |r| r.desired = Some(Fingerprint::new(1))).unwrap();
    let before = map.get(&key(1), "beijing").unwrap();
    for object in [1, 2] {
        let edit = std::panic::AssertUnwindSafe(|| {
            map.upsert(&key(object), "beijing", |r| {
                r.tries = 9;
                panic!("a caller's fault")
            })
        });
        assert!(std::panic::catch_unwind(edit).is_err());
    }
    assert_eq!(map.get(&key(1), "beijing").unwrap(), before);
    assert_eq!(map.find(&key(2)), None, "an object is not there for a row that never came");
    assert_eq!((map.totals().total(), map.growth().objects), (1, 1));
    map.upsert(&key(1), "beijing", |r| r.tries = 1).unwrap();
}

#[test]
fn nothing_is_out_of_step_when_those_rows_have_left() {
    let map = PlacementMap::default();
    map.join("beijing").unwrap();
    map.join("chengdu").unwrap();
    let print = Some(Fingerprint::new(1));
    for object in 0..200 {
        map.upsert(&key(object), "beijing", |r| r.desired = print).unwrap();
        map.upsert(&key(object), "chengdu", |r| (r.desired, r.observed) = (print, print)).unwrap();
    }
    while map.leave("beijing", 50).unwrap() > 0 {}
    // A page without an object out of step is one place to look at: a thousand pages fit in a step.
    let chunk = map.out_of_step("chengdu", None, 1).unwrap();
    assert!(chunk.rows.is_empty() && chunk.next.is_none(), "{chunk:?}");
}

#[test]
fn is_full_with_1024_members() {
    let map = PlacementMap::default();
    for member in 0..1024 {
        map.join(&name(member)).unwrap();
    }
    assert_eq!(map.join("one-more"), Err(Error::TooManyMembers));
    assert_eq!(Error::TooManyMembers.to_string(), "the placement map is full: it holds at most 1024 members");
    map.upsert(&key(1), &name(1023), |r| r.desired = Some(Fingerprint::new(1))).unwrap();
    assert_eq!(map.leave(&name(7), 1), Ok(0));
    assert!(map.join("one-more").is_ok(), "the place of one who left is free");
}

#[test]
fn a_row_is_64_bytes_and_its_key_16() {
    assert_eq!(size_of::<Row>(), 64);
    assert_eq!(size_of::<(spillway_placement::ObjectId, spillway_placement::MemberId)>(), 16);
}
