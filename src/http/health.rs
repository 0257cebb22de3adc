//! What machines ask: is it alive, is it ready, how is it doing.

use actix_web::{HttpRequest, HttpResponse, web};
use metrics_exporter_prometheus::PrometheusHandle;

use super::reply::bare;
use super::viewer::on_pool;
use crate::app::App;
use crate::domain::trouble::TroubleKind;
use actix_web::http::StatusCode;

/// The process answers. Says nothing about the database: restarting wouldn't help it.
pub async fn alive() -> HttpResponse {
    bare(StatusCode::OK)
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// The database answers too: traffic may come. Also when it is damaged, the disk nearly full or no page gets through, which the answer
/// then says: people are still served and paged, and whoever took the traffic away would take that from them.
pub async fn ready(app: web::Data<App>) -> HttpResponse {
    let damage = app.damage.get().map(|faults| faults.join("; "));
    let asked = on_pool(Box::new(move || {
        app.store.read(|conn| {
            crate::store::migrate::answers(conn)?;
            crate::store::trouble::all(conn)
        })
    }))
    .await;
    match asked {
        Ok(Ok(troubles)) => {
            let mut said = "ready\n".to_owned();
            if let Some(damage) = damage {
                said.push_str(&format!("the database is damaged: {damage}\n"));
            }
            for trouble in troubles {
                said.push_str(match trouble.what {
                    TroubleKind::Delivery => "no page gets through to anybody\n",
                    TroubleKind::Disk => "the disk is nearly full: nothing new is taken in\n",
                });
            }
            bare(StatusCode::OK)
                .content_type("text/plain; charset=utf-8")
                .body(said)
        }
        _ => bare(StatusCode::SERVICE_UNAVAILABLE)
            .content_type("text/plain; charset=utf-8")
            .body("the database does not answer\n"),
    }
}

/// Prometheus' text format, for the addresses that may read it. Others see nothing at all.
pub async fn metrics(
    req: HttpRequest,
    app: web::Data<App>,
    printer: web::Data<Option<PrometheusHandle>>,
) -> HttpResponse {
    let allowed = super::guard::address_of(&req)
        .is_some_and(|address| app.config.metrics_from.contains(&address));
    match printer.get_ref() {
        Some(printer) if allowed => bare(StatusCode::OK)
            .content_type("text/plain; version=0.0.4; charset=utf-8")
            .body(printer.render()),
        _ => bare(StatusCode::NOT_FOUND).finish(),
    }
}
