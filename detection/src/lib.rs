//! How well degradation is told from noise: a bank of scenarios, detectors that all see the same stream, and
//! figures with their bounds.
//!
//! The order of the rooms is the order of the argument. [`course`] says what truly happens to a region,
//! [`truth`] what of it is a fault, [`bank`] which scenarios there are; none of them knows a detector.
//! [`stream`] draws requests and probes from a course, [`detect`] holds the detectors, [`trial`] puts one to
//! the other, [`figures`] counts and [`stats`] bounds, [`ideal`] says what no detector can better. [`replay`] reads other people's traces.

pub mod bank;
pub mod course;
pub mod detect;
pub mod figures;
pub mod ideal;
pub mod latency;
pub mod ordinary;
pub mod plot;
pub mod replay;
pub mod stats;
pub mod stream;
pub mod table;
pub mod trial;
pub mod truth;
