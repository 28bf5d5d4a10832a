//! The map under every order of threads that a model checker comes up with. Run with `--features shuttle`.

#![cfg(feature = "shuttle")]
#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::sync::Arc;

use shuttle::{
    scheduler::{PctScheduler, RandomScheduler},
    thread,
};
use spillway_placement::{Error, Fingerprint, ObjectKey, PlacementMap, Row, State};

const ORDERS: usize = 3_000;

fn key(object: usize) -> ObjectKey {
    ObjectKey::new("Ingress", "ns", &format!("web{object}"))
}

fn wanted(row: &mut Row) {
    row.desired = Some(Fingerprint::new(1));
    row.tries += 1;
}

fn nothing(row: &mut Row) {
    *row = Row::default();
}

/// What must be true whenever nobody writes: counts, walks and single rows agree, and names are there while rows are.
fn assert_agrees(map: &PlacementMap, objects: usize) {
    let mut counted = 0;
    for member in map.members() {
        let (mut walked, mut cursor) = (Vec::new(), None);
        loop {
            let chunk = map.rows_of_member(&member, cursor.as_ref(), 2).unwrap();
            walked.extend(chunk.rows);
            cursor = chunk.next;
            if cursor.is_none() {
                break;
            }
        }
        for (key, row) in &walked {
            assert_eq!(map.get(key, &member).unwrap(), Some(*row));
        }
        let counts = map.counts(&member).unwrap();
        assert_eq!(counts.total(), walked.len(), "{member} {counts:?}");
        let failing = walked.iter().filter(|(_, row)| row.state() == State::Failing).count();
        assert_eq!(counts.of(State::Failing), failing);
        counted += walked.len();
    }
    assert_eq!(map.totals().total(), counted, "nobody's rows are left over");
    let known = (0..objects).map(key).filter(|key| map.find(key).is_some());
    assert_eq!(
        known.inspect(|key| assert!(!map.rows_of_object(key).is_empty())).count() as u64,
        map.growth().objects
    );
}

type Actor = Box<dyn FnOnce(&PlacementMap) + Send>;

fn together(actors: Vec<Actor>, map: &Arc<PlacementMap>) {
    let threads: Vec<_> = actors
        .into_iter()
        .map(|act| {
            let map = Arc::clone(map);
            thread::spawn(move || act(&map))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

/// Plays a scene in so many orders, chosen at random and printed on failure so that they can be played again.
fn try_orders(scene: impl Fn() + Send + Sync + 'static, orders: usize) {
    let mut config = shuttle::Config::new();
    config.stack_size = 1 << 20; // a page is made on the stack, and the checker's locks are large
    let scene = Arc::new(scene);
    let again = Arc::clone(&scene);
    shuttle::Runner::new(RandomScheduler::new(orders), config.clone()).run(move || scene());
    // Lets one thread run far ahead of another, which chance seldom does.
    shuttle::Runner::new(PctScheduler::new(3, orders), config).run(move || again());
}

fn joined() -> Arc<PlacementMap> {
    let map = PlacementMap::default();
    map.join("beijing").unwrap();
    map.join("chengdu").unwrap();
    Arc::new(map)
}

#[test]
fn no_edit_of_one_row_is_lost() {
    try_orders(
        || {
            let map = joined();
            let edit = || -> Actor {
                Box::new(|map| (0..3).for_each(|_| map.upsert(&key(0), "beijing", wanted).unwrap()))
            };
            together(vec![edit(), edit()], &map);
            assert_eq!(map.get(&key(0), "beijing").unwrap().unwrap().tries, 6);
            assert_agrees(&map, 1);
        },
        ORDERS,
    );
}

#[test]
fn an_object_that_ceases_while_it_is_wanted_again_is_there_in_the_end() {
    try_orders(
        || {
            let map = joined();
            map.upsert(&key(0), "beijing", wanted).unwrap();
            together(
                vec![
                    Box::new(|map| map.upsert(&key(0), "beijing", nothing).unwrap()),
                    Box::new(|map| map.upsert(&key(0), "chengdu", wanted).unwrap()),
                    Box::new(|map| {
                        map.upsert(&key(1), "chengdu", wanted).unwrap();
                        map.upsert(&key(1), "chengdu", nothing).unwrap();
                    }),
                ],
                &map,
            );
            assert!(map.get(&key(0), "chengdu").unwrap().is_some());
            assert_agrees(&map, 2);
        },
        ORDERS,
    );
}

#[test]
fn a_member_that_leaves_leaves_no_row_behind() {
    try_orders(
        || {
            let map = joined();
            map.upsert(&key(0), "beijing", wanted).unwrap();
            together(
                vec![
                    Box::new(|map| while map.leave("beijing", 1).is_ok_and(|left| left > 0) {}),
                    Box::new(|map| {
                        for object in 0..3 {
                            let refused = map.upsert(&key(object), "beijing", wanted).err();
                            assert!(refused.is_none_or(|e| e == Error::UnknownMember("beijing".into())));
                        }
                    }),
                ],
                &map,
            );
            assert_eq!(map.members().len(), 1);
            assert_agrees(&map, 3);
        },
        ORDERS,
    );
}

#[test]
fn a_walk_sees_what_is_there_all_along_while_objects_come_and_go() {
    try_orders(
        || {
            let map = joined();
            map.upsert(&key(0), "beijing", wanted).unwrap();
            together(
                vec![
                    Box::new(|map| {
                        for object in 1..70 {
                            map.intern(&key(object)).unwrap();
                        }
                        map.upsert(&key(69), "chengdu", wanted).unwrap();
                        map.upsert(&key(69), "chengdu", nothing).unwrap();
                    }),
                    Box::new(|map| {
                        let rows = map.rows_of_member("beijing", None, 256).unwrap().rows;
                        assert_eq!(rows.iter().filter(|(k, _)| *k == key(0)).count(), 1);
                    }),
                ],
                &map,
            );
        },
        300,
    );
}

#[test]
fn the_next_member_with_the_same_number_has_none_of_the_rows() {
    try_orders(
        || {
            let map = joined();
            map.upsert(&key(0), "chengdu", wanted).unwrap();
            together(
                vec![
                    Box::new(|map| {
                        while map.leave("beijing", 1).is_ok_and(|left| left > 0) {}
                        map.join("tianjin").unwrap();
                    }),
                    Box::new(|map| drop(map.upsert(&key(0), "beijing", wanted))),
                    Box::new(|map| drop(map.upsert(&key(1), "beijing", wanted))),
                ],
                &map,
            );
            assert_eq!(map.counts("tianjin").unwrap().total(), 0);
            assert_eq!(map.get(&key(0), "tianjin"), Ok(None));
            assert_agrees(&map, 2);
        },
        ORDERS,
    );
}

#[test]
fn a_member_that_leaves_and_comes_back_leaves_nothing_behind() {
    try_orders(
        || {
            let map = joined();
            map.upsert(&key(0), "beijing", wanted).unwrap();
            together(
                vec![
                    Box::new(|map| while map.leave("beijing", 1).is_ok_and(|left| left > 0) {}),
                    Box::new(|map| {
                        map.join("beijing").unwrap();
                        drop(map.upsert(&key(1), "beijing", wanted));
                    }),
                    Box::new(|map| assert!(map.clear(1) <= 2)),
                ],
                &map,
            );
            map.join("beijing").unwrap();
            map.upsert(&key(2), "beijing", wanted).unwrap();
            assert_agrees(&map, 3);
        },
        ORDERS,
    );
}
