//! The whole URL table on one screen.

use actix_web::web::{ServiceConfig, get, to};

use super::{assets, health, reply};

pub fn configure(routes: &mut ServiceConfig) {
    routes
        .route("/healthz", get().to(health::alive))
        .route("/readyz", get().to(health::ready))
        .route("/metrics", get().to(health::metrics))
        .route("/a/{name}", get().to(assets::serve))
        .default_service(to(reply::absent));
}
