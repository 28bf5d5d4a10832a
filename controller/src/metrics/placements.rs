//! The placement map's own figures: its rows by member and state, and what growing costs it.

use std::{
    fmt::{self, Error},
    sync::Arc,
};

use arc_swap::ArcSwapOption;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};
use spillway_placement::{Growth, PlacementMap, State, bounds};

const ROWS: &str = "Objects on members by how far they are. InStep is the goal; Pending and Drifted pass within \
    seconds; Failing and Leaving that stay need a look";
const OBJECTS: &str = "Objects that the placement map knows: copies that are wanted, or were seen, on some member. It \
    follows the number of FederatedIngresses, RegionPriorities and members";
const LOAD_FACTOR: &str = "Share of the placement map's row memory that is in use, 0 to 1. It says how lean the map \
    is and nothing about its speed: other maps double when theirs is high, this one never does";
const SEGMENTS: &str = "Pages of up to 64 objects in the placement map. It stands where a Go map counts overflow \
    buckets, but is no sign of trouble: pages stay until the term ends, so it follows the most objects that were there at \
    once";
const BYTES: &str = "Memory that the placement map holds. Rows are given back when objects or members go; pages stay until \
    the term ends";
const STEPS: &str = "Small steps in which the placement map grew or shrank. They come with new objects and members, \
    and with those that go; when nothing changes there are none";
const MOVED: &str = "Rows that growth steps of the placement map copied from one place to another";

/// The figures of the map of the present term. While another controller leads there are none.
pub(crate) struct Placements(pub(crate) Arc<ArcSwapOption<PlacementMap>>);

impl fmt::Debug for Placements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Placements")
    }
}

impl Collector for Placements {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let Some(map) = self.0.load_full() else { return Ok(()) };
        rows(&mut encoder, &map)?;
        growth(&mut encoder, map.growth())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Rows {
    member: String,
    state: String,
}

fn rows(encoder: &mut DescriptorEncoder<'_>, map: &PlacementMap) -> Result<(), Error> {
    let mut rows = encoder.encode_descriptor("placements", ROWS, None, MetricType::Gauge)?;
    for member in map.members() {
        let Ok(counts) = map.counts(&member) else { continue };
        for state in State::ALL {
            let labels = Rows { member: member.to_string(), state: format!("{state:?}") };
            let count = i64::try_from(counts.of(state)).unwrap_or(i64::MAX);
            ConstGauge::new(count).encode(rows.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn growth(encoder: &mut DescriptorEncoder<'_>, growth: Growth) -> Result<(), Error> {
    let mut put = |name: &str, unit: Option<Unit>, help: &str, value: &dyn EncodeMetric| {
        value.encode(encoder.encode_descriptor(name, help, unit.as_ref(), value.metric_type())?)
    };
    let (ratio, entries) = (Unit::Other("ratio".into()), Unit::Other("entries".into()));
    let most_entries =
        largest("rows that one operation on the placement map has moved", bounds::ROWS_MOVED_A_STEP);
    let most_bytes =
        largest("bytes that one operation on the placement map has allocated or freed", bounds::BYTES);
    put("placement_objects", None, OBJECTS, &ConstGauge::new(growth.objects))?;
    put("placement_load_factor", Some(ratio), LOAD_FACTOR, &ConstGauge::new(load_factor(growth)))?;
    put("placement_segments", None, SEGMENTS, &ConstGauge::new(growth.segments))?;
    put("placement", Some(Unit::Bytes), BYTES, &ConstGauge::new(growth.bytes))?;
    put("placement_growth_steps", None, STEPS, &ConstCounter::new(growth.steps))?;
    put("placement_entries_moved", None, MOVED, &ConstCounter::new(growth.entries_moved))?;
    put("placement_largest_operation", Some(entries), &most_entries, &ConstGauge::new(growth.largest_moved))?;
    put("placement_largest_operation", Some(Unit::Bytes), &most_bytes, &ConstGauge::new(growth.largest_bytes))
}

fn largest(what: &str, bound: usize) -> String {
    format!(
        "Most {what} in this term, all that it did taken together. The map's size does not matter: more than {bound} is \
         a bug"
    )
}

#[expect(clippy::cast_precision_loss, reason = "a share of fewer than 2^53 rows")]
fn load_factor(growth: Growth) -> f64 {
    if growth.row_capacity == 0 { 0.0 } else { growth.rows as f64 / growth.row_capacity as f64 }
}
