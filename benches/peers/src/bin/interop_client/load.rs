//! Load reports: what a call cost, and how busy the server is.

use std::collections::HashMap;
use std::time::Duration;

use prost::Message as _;
use seltzer::Streaming;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_stream::wrappers::ReceiverStream;

use crate::check::{self, Result, equal};
use crate::connect::channel;
use crate::flags::Flags;
use crate::schemas::{
    OpenRcaServiceClient, OrcaLoadReport, OrcaLoadReportRequest, SimpleRequest, StreamingOutputCallRequest,
    TestOrcaReport, TestServiceClient, sized,
};

/// The trailing metadata that holds a call's own report.
const REPORT: &str = "endpoint-load-metrics-bin";

/// How often reports are asked for: as often as servers give them.
const INTERVAL_S: i64 = 1;

/// How long a report may take to arrive.
const REPORT_TIMEOUT: Duration = Duration::from_secs(30);

fn named(name: &str, value: f64) -> HashMap<String, f64> {
    HashMap::from([(name.to_owned(), value)])
}

/// A call brings its own report along.
pub(crate) async fn per_call(flags: Flags) -> Result {
    let client = TestServiceClient::new(channel(&flags).await?);
    let wanted = TestOrcaReport {
        cpu_utilization: 0.821,
        memory_utilization: 0.5847,
        request_cost: named("cost", 3456.32),
        utilization: named("util", 0.30499),
    };
    let request = SimpleRequest { orca_per_query_report: Some(wanted.clone()), ..SimpleRequest::default() };
    let response = client.unary_call(request).await?;
    let report = response.metadata().get_bin(REPORT).ok_or(format!("there is no {REPORT}"))?;
    let report = report.to_bytes().map_err(|error| format!("{REPORT}: {error}"))?;
    equal("the report", &OrcaLoadReport::decode(report)?, &as_reported(&wanted))?;

    let response = client.unary_call(SimpleRequest::default()).await?;
    check::ensure(
        report_of(response.metadata())? == OrcaLoadReport::default(),
        "a call without a cost of its own reports one",
    )
}

/// A listener hears what calls set.
pub(crate) async fn out_of_band(flags: Flags) -> Result {
    let channel = channel(&flags).await?;
    let report_interval = Some(seltzer::prost_types::Duration { seconds: INTERVAL_S, nanos: 0 });
    let request = OrcaLoadReportRequest { report_interval, request_cost_names: Vec::new() };
    let mut reports = OpenRcaServiceClient::new(channel.clone()).stream_core_metrics(request).await?.into_inner();

    let (requests, receiver) = mpsc::channel(1);
    let loads = [(0.821, 0.5847, 0.30499), (0.29309, 0.2, 0.2039)];
    let loads = loads.map(|(cpu_utilization, memory_utilization, util)| TestOrcaReport {
        cpu_utilization,
        memory_utilization,
        request_cost: HashMap::new(),
        utilization: named("util", util),
    });
    requests.send(setting(&loads[0])).await?;
    let call = TestServiceClient::new(channel).full_duplex_call(ReceiverStream::new(receiver)).await;
    let mut responses = call?.into_inner();
    check::next(&mut responses, 1).await?;
    hear(&mut reports, &as_reported(&loads[0])).await?;
    requests.send(setting(&loads[1])).await?;
    check::next(&mut responses, 1).await?;
    hear(&mut reports, &as_reported(&loads[1])).await?;
    drop(requests);
    check::end(&mut responses).await
}

fn report_of(metadata: &seltzer::metadata::MetadataMap) -> Result<OrcaLoadReport> {
    let Some(report) = metadata.get_bin(REPORT) else { return Ok(OrcaLoadReport::default()) };
    let report = report.to_bytes().map_err(|error| format!("{REPORT}: {error}"))?;
    Ok(OrcaLoadReport::decode(report)?)
}

fn setting(load: &TestOrcaReport) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest {
        orca_oob_report: Some(load.clone()),
        response_parameters: vec![sized(1)],
        ..StreamingOutputCallRequest::default()
    }
}

fn as_reported(load: &TestOrcaReport) -> OrcaLoadReport {
    OrcaLoadReport {
        cpu_utilization: load.cpu_utilization,
        mem_utilization: load.memory_utilization,
        request_cost: load.request_cost.clone(),
        utilization: load.utilization.clone(),
        ..OrcaLoadReport::default()
    }
}

/// Listens until the report comes that is expected: earlier ones may still be on their way.
async fn hear(reports: &mut Streaming<OrcaLoadReport>, expected: &OrcaLoadReport) -> Result {
    let deadline = Instant::now() + REPORT_TIMEOUT;
    let mut last = None;
    loop {
        match timeout_at(deadline, reports.message()).await {
            Err(_) => return Err(format!("{expected:?} was not reported, but at last {last:?}").into()),
            Ok(report) => {
                let report = report?.ok_or("the server stopped reporting")?;
                if report == *expected {
                    return Ok(());
                }
                last = Some(report);
            }
        }
    }
}
