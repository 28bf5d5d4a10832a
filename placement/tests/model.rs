//! The map against a model that is too simple to be wrong.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use spillway_placement::{Error, Fingerprint, ObjectKey, PlacementMap, Row, State};

const MEMBERS: [&str; 3] = ["beijing", "chengdu", "shenzhen"];

#[derive(Debug, Clone)]
enum Op {
    Set { member: usize, object: u8, row: Row },
    Forget { member: usize, limit: usize },
}

fn key(object: u8) -> ObjectKey {
    ObjectKey::new("Ingress", &format!("ns{}", object % 3), &format!("web{object}"))
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
    prop_oneof![
        9 => (0..3_usize, 0..20_u8, row()).prop_map(|(member, object, row)| Op::Set { member, object, row }),
        1 => (0..3_usize, 0..5_usize).prop_map(|(member, limit)| Op::Forget { member, limit }),
    ]
}

type Model = BTreeMap<(usize, ObjectKey), Row>;

fn play(map: &PlacementMap, model: &mut Model, op: &Op) {
    match *op {
        Op::Set { member, object, row } => {
            map.upsert(&key(object), MEMBERS[member], |r| *r = row).unwrap();
            model.insert((member, key(object)), row);
            model.retain(|_, row| !row.is_empty());
        }
        Op::Forget { member, limit } => {
            let gone: Vec<_> = model.keys().filter(|(m, _)| *m == member).take(limit).cloned().collect();
            for key in gone {
                model.remove(&key);
            }
            map.leave(MEMBERS[member], limit).unwrap();
            map.join(MEMBERS[member]);
        }
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
            return seen;
        }
    }
}

proptest! {
    #[test]
    fn does_what_the_model_does(ops in proptest::collection::vec(op(), 0..120), limit in 1..7_usize) {
        let map = PlacementMap::default();
        for member in MEMBERS {
            map.join(member);
        }
        let mut model = Model::new();
        for op in ops {
            play(&map, &mut model, &op);
        }
        for (index, member) in MEMBERS.iter().enumerate() {
            let expected: Vec<_> =
                model.iter().filter(|((m, _), _)| *m == index).map(|((_, k), r)| (k.clone(), *r)).collect();
            let off: Vec<_> = expected.iter().filter(|(_, r)| r.state() != State::InStep).cloned().collect();
            for state in State::ALL {
                let count = expected.iter().filter(|(_, r)| r.state() == state).count();
                prop_assert_eq!(map.counts(member).unwrap().of(state), count);
            }
            prop_assert_eq!(walk(&map, member, limit, false), expected);
            prop_assert_eq!(walk(&map, member, limit, true), off);
        }
        prop_assert_eq!(map.totals().total(), model.len());
        for object in 0..20 {
            let of_object: Vec<_> = map.rows_of_object(&key(object)).into_iter().map(|(_, r)| r).collect();
            let expected: Vec<_> =
                model.iter().filter(|((_, k), _)| *k == key(object)).map(|(_, r)| *r).collect();
            prop_assert_eq!(of_object, expected);
        }
    }

    /// A row that is there all along is seen once, whatever others write during the walk.
    #[test]
    fn a_walk_survives_writers(ops in proptest::collection::vec(op(), 0..60), limit in 1..4_usize) {
        let map = PlacementMap::default();
        for member in MEMBERS {
            map.join(member);
        }
        let lasting: Vec<_> = (100..110).map(key).collect();
        for object in &lasting {
            map.upsert(object, "chengdu", |r| r.desired = Some(Fingerprint::new(1))).unwrap();
        }
        let sets = ops.into_iter().filter(|op| matches!(op, Op::Set { .. }));
        let mut seen = Vec::new();
        let mut cursor = None;
        for op in sets {
            play(&map, &mut Model::new(), &op);
            let chunk = map.rows_of_member("chengdu", cursor.as_ref(), limit).unwrap();
            seen.extend(chunk.rows.into_iter().map(|(k, _)| k));
            cursor = chunk.next;
            if cursor.is_none() {
                break;
            }
        }
        while cursor.is_some() {
            let chunk = map.rows_of_member("chengdu", cursor.as_ref(), limit).unwrap();
            seen.extend(chunk.rows.into_iter().map(|(k, _)| k));
            cursor = chunk.next;
        }
        for object in lasting.iter().filter(|_| !seen.is_empty()) {
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
        for member in MEMBERS {
            m.join(member);
            m.upsert(&key(1), member, |r| r.desired = Some(Fingerprint::new(1))).unwrap();
        }
    }
    let cursor = map.rows_of_member("beijing", None, 1).unwrap().next.unwrap();
    assert!(map.rows_of_member("beijing", Some(&cursor), 1).unwrap().rows.is_empty());
    for foreign in
        [map.rows_of_member("chengdu", Some(&cursor), 1), other.out_of_step("beijing", Some(&cursor), 1)]
    {
        assert!(matches!(foreign, Err(Error::ForeignCursor { .. })), "{foreign:?}");
    }
}

#[test]
fn a_row_is_64_bytes() {
    assert_eq!(size_of::<Row>(), 64);
}
