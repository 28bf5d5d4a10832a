//! No operation does more than `bounds` says, however large the map is: bytes are counted by the allocator, moved
//! rows by the map. Nothing here is about time.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]
#![expect(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "bytes of a test fit")]

use allocation_counter::measure;
use proptest::prelude::*;
use spillway_placement::{Fingerprint, MemberId, ObjectId, ObjectKey, PlacementMap, Row, bounds};

/// Does one operation and holds it to its bounds.
fn bounded<R>(
    map: &PlacementMap,
    what: &str,
    bytes: usize,
    moved: usize,
    act: impl FnOnce(&PlacementMap) -> R,
) -> R {
    let before = map.growth().entries_moved;
    let mut result = None;
    let info = measure(|| result = Some(act(map)));
    let freed = info.bytes_total.cast_signed() - info.bytes_current;
    let bytes = bytes as u64;
    assert!(
        info.bytes_total <= bytes,
        "{what} allocated {} bytes, at most {bytes} allowed",
        info.bytes_total
    );
    assert!(freed <= bytes.cast_signed(), "{what} freed {freed} bytes, at most {bytes} allowed");
    let after = map.growth();
    let done = after.entries_moved - before;
    assert!(after.largest_moved >= done, "{what} moved {done} rows, and the figures say {after:?}");
    assert!(done <= moved as u64, "{what} moved {done} rows, at most {moved} allowed");
    result.unwrap()
}

fn edited<R>(map: &PlacementMap, what: &str, act: impl FnOnce(&PlacementMap) -> R) -> R {
    bounded(map, what, bounds::BYTES_AN_EDIT, bounds::ROWS_MOVED, act)
}

fn stepped<R>(map: &PlacementMap, what: &str, act: impl FnOnce(&PlacementMap) -> R) -> R {
    bounded(map, what, bounds::BYTES, bounds::ROWS_MOVED_A_STEP, act)
}

/// The orders in which rows can come.
#[derive(Debug, Clone, Copy)]
enum Order {
    /// Object by object, as reconciles write them.
    Objects,
    /// Member by member, as members join: every object grows by one row, one after another.
    Members,
    /// The last member first, so that every row makes room in front of all others.
    Backwards,
    /// All over the place.
    Scattered,
}

/// Names that differ in their last letters only, which is the worst for an ordered map.
fn key(object: usize) -> ObjectKey {
    ObjectKey::new(
        "Ingress",
        "a-namespace-with-a-long-name",
        &format!("an-object-with-a-long-name-{object:08}"),
    )
}

fn pairs(order: Order, objects: usize, members: usize) -> impl Iterator<Item = (usize, usize)> {
    let total = objects * members;
    let stride = (total / 2 + 1..=total).find(|s| gcd(*s, total) == 1).unwrap_or(1);
    (0..total).map(move |i| match order {
        Order::Objects => (i / members, i % members),
        Order::Members => (i % objects, i / objects),
        Order::Backwards => (i / members, members - 1 - i % members),
        Order::Scattered => {
            let i = (i * stride) % total;
            (i / members, i % members)
        }
    })
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

struct Filled {
    map: PlacementMap,
    objects: Vec<ObjectId>,
    members: Vec<MemberId>,
}

fn wanted(row: &mut Row) {
    row.desired = Some(Fingerprint::new(7));
}

/// A map that grew row by row, each held to its bounds.
fn fill(order: Order, objects: usize, members: usize) -> Filled {
    let map = PlacementMap::default();
    let members: Vec<_> = (0..members)
        .map(|m| edited(&map, "joining", |map| map.join(&format!("region-{m}")).unwrap()))
        .collect();
    let objects: Vec<_> =
        (0..objects).map(|o| edited(&map, "interning", |map| map.intern(&key(o)).unwrap())).collect();
    for (object, member) in pairs(order, objects.len(), members.len()) {
        edited(&map, "a new row", |map| map.edit(objects[object], members[member], wanted).unwrap());
    }
    Filled { map, objects, members }
}

/// Everything else that can be asked of a map, held to its bounds; the map is empty afterwards.
fn use_and_empty(filled: Filled) {
    let Filled { map, objects, members } = filled;
    let some = objects.iter().step_by(objects.len() / 50 + 1);
    for (id, member) in some.zip(members.iter().cycle()) {
        edited(&map, "reading", |map| map.row(*id, *member).unwrap());
        edited(&map, "changing", |map| map.edit(*id, *member, |r| r.observed = r.desired).unwrap());
        edited(&map, "removing", |map| map.edit(*id, *member, |r| *r = Row::default()).unwrap());
    }
    for object in [objects.len() / 2, objects.len() + 1] {
        edited(&map, "reading by name", |map| map.get(&key(object), "region-0").unwrap());
        edited(&map, "writing by name", |map| map.upsert(&key(object), "region-0", wanted).unwrap());
        edited(&map, "looking a name up", |map| (map.find(&key(object)), map.member("region-0").unwrap()));
        edited(&map, "counts", |map| map.counts("region-0").unwrap());
    }
    stepped(&map, "an object's rows", |map| map.rows_of_object(&key(0)));
    stepped(&map, "figures", |map| (map.growth(), map.totals(), map.members()));
    walk(&map, "region-0");
    // So many leave that every object's array shrinks in the same steps, unless that takes the test too long.
    let leaving = if objects.len() * members.len() > 100_000 { 1 } else { members.len() * 3 / 4 };
    for member in (0..leaving.max(1)).map(|member| format!("region-{member}")) {
        while stepped(&map, "a step of leaving", |map| map.leave(&member, usize::MAX)).unwrap() > 0 {}
    }
    while stepped(&map, "a step of clearing", |map| map.clear(usize::MAX)) > 0 {}
    let growth = map.growth();
    assert_eq!((map.totals().total(), growth.objects, growth.row_capacity), (0, 0, 0));
    let places = growth.segments * (64 * 64 + 128) + 16 * 4096;
    assert!(growth.bytes <= places, "all is given back but places: {growth:?}");
    drops_gently(map);
}

fn walk(map: &PlacementMap, member: &str) {
    for out_of_step in [false, true] {
        let mut cursor = None;
        loop {
            let chunk = stepped(map, "a step of a walk", |map| {
                if out_of_step {
                    map.out_of_step(member, cursor.as_ref(), usize::MAX).unwrap()
                } else {
                    map.rows_of_member(member, cursor.as_ref(), usize::MAX).unwrap()
                }
            });
            assert!(chunk.rows.len() <= bounds::ROWS_A_STEP);
            cursor = chunk.next;
            if cursor.is_none() {
                break;
            }
        }
    }
}

/// A walk that finds nothing still stops to let others in between.
#[test]
fn a_walk_looks_at_no_more_objects_a_step_than_it_may() {
    let Filled { map, objects, .. } = fill(Order::Objects, 5_000, 1);
    map.join("newcomer").unwrap();
    let (mut steps, mut cursor) = (0, None);
    loop {
        steps += 1;
        cursor = map.rows_of_member("newcomer", cursor.as_ref(), usize::MAX).unwrap().next;
        if cursor.is_none() {
            break;
        }
    }
    let least = objects.len() / bounds::OBJECTS_A_STEP;
    assert!(steps >= least, "{steps} steps for {} objects, at least {least} expected", objects.len());
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Objects), Just(Order::Members), Just(Order::Backwards), Just(Order::Scattered)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_operation_is_bounded_at_every_size(
        order in order(),
        objects in prop_oneof![0..3_usize, 60..70_usize, 0..2_000_usize],
        members in prop_oneof![1..3_usize, Just(37), 60..70_usize, 1..200_usize],
    ) {
        use_and_empty(fill(order, objects, members));
    }
}

#[test]
fn every_operation_is_bounded_at_two_million_rows() {
    use_and_empty(fill(Order::Members, 54_055, 37));
    use_and_empty(fill(Order::Scattered, 54_055, 37));
}

#[test]
fn every_operation_is_bounded_with_a_thousand_members() {
    use_and_empty(fill(Order::Backwards, 70, bounds::MEMBERS));
}

#[test]
fn dropping_a_large_map_frees_nothing_on_the_way_out() {
    drops_gently(fill(Order::Objects, 10_000, 37).map);
}

fn drops_gently(map: PlacementMap) {
    let info = measure(|| drop(map));
    let freed = info.bytes_total.cast_signed() - info.bytes_current;
    assert!(freed <= bounds::BYTES as i64, "dropping freed {freed} bytes at once");
}

#[test]
fn making_a_map_is_bounded_too() {
    let info = measure(|| std::mem::forget(PlacementMap::default()));
    assert!(info.bytes_total <= bounds::BYTES as u64, "{info:?}");
}

/// What docs/placement-bench.md says of resident memory follows from this: 64 bytes a row, and little beside.
#[test]
fn a_row_takes_less_than_70_bytes_in_a_federation_of_37_members() {
    let mut filled = None;
    let info = measure(|| filled = Some(fill(Order::Objects, 5_000, 37)));
    let Filled { map, objects, .. } = filled.unwrap();
    let taken = info.bytes_current as f64 - size_of_val(&objects[..]) as f64;
    let (counted, rows) = (map.growth().bytes as f64, map.growth().rows as f64);
    assert!((0.95..1.0).contains(&(counted / taken)), "counted {counted} of {taken} bytes");
    assert!((68.0..70.0).contains(&(taken / rows)), "{} bytes a row", taken / rows);
}
