//! The map under real threads: small enough for Miri, which watches for data races.

use std::thread;

use spillway_placement::{Fingerprint, ObjectKey, PlacementMap, Row};

const MEMBERS: [&str; 3] = ["beijing", "chengdu", "shenzhen"];
const OBJECTS: u8 = if cfg!(miri) { 6 } else { 200 };

fn key(object: u8) -> ObjectKey {
    ObjectKey::new("Ingress", "ns", &format!("web{object}"))
}

#[test]
fn threads_that_write_the_same_objects_lose_nothing() {
    let map = PlacementMap::default();
    for member in MEMBERS {
        map.join(member).unwrap();
    }
    let count = |row: &mut Row| {
        row.desired = Some(Fingerprint::new(1));
        row.tries += 1;
    };
    thread::scope(|scope| {
        for member in MEMBERS {
            scope.spawn(|| (0..OBJECTS).for_each(|o| map.upsert(&key(o), "beijing", count).unwrap()));
            scope.spawn(|| (0..OBJECTS).rev().for_each(|o| map.upsert(&key(o), member, count).unwrap()));
            scope.spawn(|| drop(map.rows_of_member("beijing", None, 9).unwrap()));
        }
        scope.spawn(|| map.join("tianjin").and_then(|_| map.leave("tianjin", 1)).unwrap());
    });
    for object in 0..OBJECTS {
        let tries: Vec<_> = map.rows_of_object(&key(object)).into_iter().map(|(_, row)| row.tries).collect();
        assert_eq!(tries, [4, 1, 1]);
    }
    assert_eq!(map.totals().total(), usize::from(OBJECTS) * 3);
    while map.clear(5) > 0 {}
    assert_eq!(map.totals().total(), 0);
}
