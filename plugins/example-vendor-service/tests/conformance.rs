//! What the service does with what it hears, and that it survives everything else.

use std::time::Duration;

use example_vendor_service::ExampleVendorService as Collector;

use example_vendor_service::Tally;

use prony_plugin_api::{
    PluginError, conformance,
    message::{PhaseRecorded, RecordBatch, RecordSummary},
    testing::{ScriptedHost, TestService},
};

#[test]
fn it_counts_the_requests_of_a_phase() -> Result<(), PluginError> {
    let host = ScriptedHost::new();
    let mut service = TestService::new::<Collector>("{}", &host)?;
    service.init()?;
    service.start()?;
    let record = RecordSummary { output_tokens: 5, ..RecordSummary::default() };
    service.send(&RecordBatch { records: vec![record.clone(), record] })?;
    service.send(&PhaseRecorded::default())?;
    service.stop(Duration::from_secs(1))?;

    let published: Vec<Tally> = host.published_as()?;
    let tally = Tally { requests: 2, failed: 0, output_tokens: 10, ..Tally::default() };
    assert_eq!(published, [tally.with_table()]);
    Ok(())
}

#[test]
fn it_does_what_the_contract_says() {
    let report = conformance::check_service::<Collector>();
    assert!(report.conforms(), "{report}");
}
