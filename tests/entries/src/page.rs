//! A server's metrics page.

use prony_plugin_api::{
    message::{MetricKind, ServerMetricsSample},
    prometheus,
};

/// Reads `bytes` as a Prometheus page.
///
/// Each sample belongs to a family, whose name and the sample's suffix are the name that stands in a line of the page;
/// families are told once; and what was read can be published.
///
/// # Panics
/// When one of that does not hold.
pub fn page(bytes: &[u8]) {
    let page = String::from_utf8_lossy(bytes);
    let families = match prometheus::parse(&page) {
        Ok(families) => families,
        Err(error) => {
            assert!((1..=page.lines().count()).contains(&error.line), "{error}");
            return;
        }
    };
    let lines = page.lines().count();
    let samples: usize = families.iter().map(|family| family.samples.len()).sum();
    assert!(samples <= lines, "{samples} samples of {lines} lines");
    let mut names: Vec<&str> = families.iter().map(|family| family.name.as_str()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "a family was told twice: {names:?}");
    for family in &families {
        assert!(!family.samples.is_empty(), "the family `{}` has no sample", family.name);
        let suffixed = family.samples.iter().any(|sample| !sample.suffix.is_empty());
        assert!(!suffixed || family.kind != MetricKind::Gauge, "a gauge `{}` with a suffix", family.name);
    }
    let sample = ServerMetricsSample { families, ..ServerMetricsSample::default() };
    let encoded = rmp_serde::to_vec_named(&sample).expect("a sample can be published");
    let again: ServerMetricsSample = rmp_serde::from_slice(&encoded).expect("a sample can be heard");
    assert_eq!(rmp_serde::to_vec_named(&again).ok(), Some(encoded), "it was not heard as it was published");
}
