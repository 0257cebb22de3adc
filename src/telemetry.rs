//! Logs and metrics. A message reads alone; its fields are searchable; bodies, addresses and tokens are never logged. What is
//! logged on behalf of a request stands in the span `request` with its id, which people see on the page of a failure.

use crate::config::{Config, log_filter};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Starts logging to standard error. A second call changes nothing.
pub fn start_logs(config: &Config) -> Result<(), String> {
    let filter = log_filter(&config.log)?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error means that a subscriber is there already: tests share one process.
    let _ = if config.log_json {
        logs.json().flatten_event(true).try_init().map_err(drop)
    } else {
        logs.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init()
            .map_err(drop)
    };
    Ok(())
}

/// Starts collecting metrics; the handle prints them. `None` if something else collects in this process.
pub fn start_metrics() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new().set_buckets(&[
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
    ]);
    builder.ok()?.install_recorder().ok()
}
