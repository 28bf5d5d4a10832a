//! The example does what the documents say.

use std::path::Path;

use spillway_detection::replay::replay;

#[test]
fn the_labelled_example_has_two_faults_that_are_caught_and_noise_that_is_not() {
    // Asked when it runs: clones share compiled tests, and that of another clone may be gone.
    let here = std::env::var("CARGO_MANIFEST_DIR").unwrap();
    let file = Path::new(&here).join("examples/labelled.csv");
    let rows = replay(&file).unwrap();
    assert_eq!(rows[0].detector, "spillway");
    assert_eq!((rows[0].faults, rows[0].caught, rows[0].wrong), (2, 2, 0), "{rows:?}");
    assert!(rows[0].delay_max_s.unwrap() <= 33.0, "{rows:?}");
}
