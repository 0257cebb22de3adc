//! The whole URL table on one screen.

use actix_web::web::{ServiceConfig, get, post, to};

use super::web::{account, profile, set_up};
use super::{assets, health, reply};

pub fn configure(routes: &mut ServiceConfig) {
    routes
        .route("/healthz", get().to(health::alive))
        .route("/readyz", get().to(health::ready))
        .route("/metrics", get().to(health::metrics))
        .route("/a/{name}", get().to(assets::serve))
        // coming in
        .route("/set-up/{token}", get().to(set_up::form))
        .route("/set-up/{token}", post().to(set_up::found))
        .route("/log-in", get().to(account::log_in_form))
        .route("/log-in", post().to(account::log_in))
        .route("/log-out", post().to(account::log_out))
        .route("/forgotten", get().to(account::forgotten_form))
        .route("/forgotten", post().to(account::forgotten))
        .route("/reset/{token}", get().to(account::reset_form))
        .route("/reset/{token}", post().to(account::reset))
        .route("/invitation/{token}", get().to(account::invitation_form))
        .route("/invitation/{token}", post().to(account::invitation))
        // one's own account
        .route("/profile", get().to(profile::show))
        .route("/profile", post().to(profile::save))
        .route("/profile/ways", post().to(profile::save_ways))
        .route("/profile/password", post().to(profile::change_password))
        .route(
            "/profile/sessions/{id}/end",
            post().to(profile::end_session),
        )
        .route(
            "/profile/end-sessions",
            post().to(profile::end_other_sessions),
        )
        .route("/tokens", get().to(profile::show_tokens))
        .route("/tokens", post().to(profile::make_token))
        .route("/tokens/{id}/revoke", post().to(profile::revoke_token))
        .default_service(to(reply::absent));
}
