//! Starts the web server: workers, time limits, compression, TLS.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::{Compress, from_fn};
use actix_web::{HttpServer, web};
use metrics_exporter_prometheus::PrometheusHandle;

use super::{guard, routes, viewer};
use crate::app::App;
use crate::tls;

/// Serves on `listener` until the returned server's handle stops it. Signals are the caller's.
pub fn start(
    app: Arc<App>,
    listener: TcpListener,
    printer: Option<PrometheusHandle>,
) -> std::io::Result<Server> {
    start_at(app, listener, printer, guard::Pace::default())
}

/// As [`start`], with another idea of how fast a body has to come.
pub fn start_at(
    app: Arc<App>,
    listener: TcpListener,
    printer: Option<PrometheusHandle>,
    pace: guard::Pace,
) -> std::io::Result<Server> {
    let tls = match &app.config.tls {
        Some((cert, key)) => Some(tls::read(cert, key).map_err(std::io::Error::other)?),
        None => None,
    };
    let shared = web::Data::from(Arc::clone(&app));
    let crowd = web::Data::new(guard::Crowd::default());
    let printer = web::Data::new(printer);
    let pace = web::Data::new(pace);
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(shared.clone())
            .app_data(crowd.clone())
            .app_data(printer.clone())
            .app_data(pace.clone())
            .wrap(Compress::default())
            .wrap(from_fn(viewer::admit))
            .wrap(from_fn(guard::watch))
            .configure(routes::configure)
    })
    .workers(2)
    .disable_signals()
    // Without it Nagle's algorithm meets delayed acknowledgements: 44 ms for every compressed answer.
    .tcp_nodelay(true)
    .client_request_timeout(Duration::from_secs(5))
    .client_disconnect_timeout(Duration::from_secs(2))
    .keep_alive(Duration::from_secs(30))
    .shutdown_timeout(8);
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}
