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
    assert_eq!(published.len(), 1, "{published:?}");
    let Tally { requests, failed, output_tokens, prony_table } = &published[0];
    assert_eq!((*requests, *failed, *output_tokens), (2, 0, 10));
    assert_eq!(prony_table.rows, [[2_u64.into(), 0_u64.into(), 10_u64.into()]]);
    Ok(())
}

#[test]
fn it_does_what_the_contract_says() {
    let report = conformance::check_service::<Collector>();
    assert!(report.conforms(), "{report}");
}
