//! The whole URL table on one screen.

use actix_web::web::{ServiceConfig, get, post, to};

use super::web::*;
use super::{api, assets, health, reply};

/// A ticket's address: its key.
const TICKET: &str = "/{key:[A-Za-z]{2,3}-[0-9]+}";

pub fn configure(routes: &mut ServiceConfig) {
    routes
        // programs: they ask most often
        .configure(api::configure)
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
        .route("/profile/signing-secret", post().to(profile::renew_secret))
        .route("/profile/holidays", get().to(holidays::form))
        .route("/profile/holidays", post().to(holidays::save))
        .route("/profile/screen", post().to(profile::save_screen))
        .route("/profile/password", post().to(profile::change_password))
        .route(
            "/profile/sessions/{id}/end",
            post().to(profile::end_session),
        )
        .route(
            "/profile/end-sessions",
            post().to(profile::end_other_sessions),
        )
        .route("/tokens", get().to(tokens::show))
        .route("/tokens", post().to(tokens::make))
        .route("/tokens/{id}/revoke", post().to(tokens::revoke))
        .route("/customers", get().to(customers::list))
        .route("/customers", post().to(customers::add))
        .route("/customers/new", get().to(customers::new_form))
        .route("/customers/{id}", get().to(customers::show))
        .route("/customers/{id}", post().to(customers::edit))
        .route("/customers/{id}/active", post().to(customers::set_active))
        .route(
            "/customers/{id}/contacts/new",
            get().to(customers::new_contact),
        )
        .route(
            "/customers/{id}/contacts",
            post().to(customers::add_contact),
        )
        .route(
            "/customers/{id}/contacts/{contact}",
            get().to(customers::show_contact),
        )
        .route(
            "/customers/{id}/contacts/{contact}",
            post().to(customers::edit_contact),
        )
        .route(
            "/customers/{id}/contacts/{contact}/active",
            post().to(customers::set_contact_active),
        )
        .route(
            "/customers/{id}/contacts/{contact}/invite",
            post().to(customers::invite_contact),
        )
        .route(
            "/customers/{id}/contacts/{contact}/addresses",
            post().to(contact_addresses::add),
        )
        .route(
            "/customers/{id}/contacts/{contact}/addresses/remove",
            post().to(contact_addresses::remove),
        )
        .route(
            "/customers/{id}/reachable",
            post().to(contact_addresses::reachable),
        )
        .route("/settings", get().to(settings::show))
        .route("/settings", post().to(settings::save))
        .route("/audit", get().to(settings::audit))
        .route("/audit/evidence", get().to(audit_evidence::form))
        .route("/audit/evidence.tar", get().to(audit_evidence::export))
        .route("/wordings", get().to(wordings::list))
        .route("/wordings", post().to(wordings::add))
        .route("/wordings/{id}", get().to(wordings::show))
        .route("/wordings/{id}", post().to(wordings::edit))
        .route("/checks", get().to(checks::list))
        .route("/checks/{key}/recompute", post().to(checks::recompute))
        // the customers' side
        .route("/portal", get().to(portal::list))
        .route("/portal", post().to(portal::open))
        .route("/portal/new", get().to(portal::new_form))
        .route("/portal/account", get().to(profile::show))
        .route("/portal/{key}", get().to(portal::show))
        .route("/portal/{key}", post().to(portal::write))
        .route("/portal/{key}/solved", post().to(portal::solved))
        .route("/portal/{key}/files/{id}", get().to(portal::file))
        // the work
        .route("/", get().to(home::shift))
        .route("/new", get().to(new::form))
        .route("/new", post().to(new::open))
        .route("/call", get().to(new::call_form))
        .route("/call", post().to(new::call))
        .route("/search", get().to(search::find))
        .route("/help", get().to(help::help))
        .route("/queue", get().to(queue::list))
        .route("/queue.csv", get().to(queue::csv))
        .route("/incidents", get().to(queue::incidents))
        .route("/changes", get().to(queue::changes))
        .route("/tasks", get().to(queue::tasks))
        .route("/post-mortems", get().to(queue::post_mortems))
        .route("/views", post().to(queue::save_view))
        .route("/views/{id}/delete", post().to(queue::delete_view))
        .route(TICKET, get().to(ticket::show))
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/clocks/{id}",
            get().to(proof::show),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/files/{id}",
            get().to(files::show),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/files/{id}",
            post().to(files::take_out),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/edit",
            get().to(ticket_edit::form),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/edit",
            post().to(ticket_edit::save),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/post-mortem",
            post().to(postmortem::open),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/post-mortem/{step}",
            post().to(postmortem::act),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/report",
            get().to(outage::choose),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/report/{customer}",
            get().to(outage::show),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/report/{customer}",
            post().to(outage::save),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/report/{customer}/approve",
            post().to(outage::approve),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/report/{customer}/send",
            post().to(outage::send),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/report/{customer}/{format}",
            get().to(outage::export),
        )
        .route(
            "/{key:[A-Za-z]{2,3}-[0-9]+}/{verb}",
            post().to(ticket_do::act),
        )
        // the house
        .route("/people", get().to(people::list))
        .route("/people", post().to(people::invite))
        .route("/people/new", get().to(people::new_form))
        .route("/people/{id}", get().to(people::show))
        .route("/people/{id}", post().to(people::edit))
        .route("/people/{id}/grants", post().to(people::grant))
        .route("/people/{id}/ways", post().to(people::save_ways))
        .route("/people/{id}/invite", post().to(people::invite_again))
        .route("/people/{id}/active", post().to(people::set_active))
        .route("/teams", post().to(teams::add))
        .route("/teams/new", get().to(teams::new_form))
        .route("/teams/{id}", get().to(teams::show))
        .route("/teams/{id}", post().to(teams::edit))
        .route("/teams/{id}/active", post().to(teams::set_active))
        .route("/services", get().to(services::list))
        .route("/services", post().to(services::add))
        .route("/services/new", get().to(services::new_form))
        .route("/services/{id}", get().to(services::show))
        .route("/services/{id}", post().to(services::edit))
        .route("/services/{id}/active", post().to(services::set_active))
        .route("/services/{id}/deploy-rule", post().to(services::save_rule))
        // on call
        .route("/on-call", get().to(oncall::own))
        .route("/on-call/{team}", get().to(oncall::show))
        .route("/on-call/{team}/plan", get().to(oncall_plan::plan_form))
        .route("/on-call/{team}/plan", post().to(oncall_plan::plan))
        .route("/on-call/{team}/policy", get().to(oncall_plan::policy_form))
        .route("/on-call/{team}/policy", post().to(oncall_plan::policy))
        .route("/on-call/{team}/override", post().to(oncall::add_override))
        .route(
            "/on-call/{team}/override/{id}/withdraw",
            post().to(oncall::withdraw),
        )
        .route("/on-call/{team}/feed", post().to(oncall::renew_feed))
        .route(
            "/on-call/{team}/feed/revoke",
            post().to(oncall::revoke_feed),
        )
        .route("/feed/{token}.ics", get().to(oncall::feed))
        .route("/test-page", post().to(oncall::test_page))
        .route("/ledger", get().to(ledger::show))
        .route("/ledger.csv", get().to(ledger::csv))
        .route("/file/{token}", get().to(file_link::show))
        .route("/leave/{token}", get().to(leave::show))
        .route("/leave/{token}", post().to(leave::leave))
        .route("/n/{token}", get().to(night::show))
        .route("/n/{token}", post().to(night::answer))
        // mail
        .route("/mail/in", get().to(mail::ledger))
        .route("/mail/in/{id}", get().to(mail::show))
        .route("/mail/in/{id}/raw", get().to(mail::raw))
        .route("/mail/in/{id}/html", get().to(mail::html))
        .route("/mail/in/{id}/{verb}", post().to(mail::handle))
        .route("/mail/out", get().to(outgoing::list))
        .route("/mail/out/{id}", get().to(outgoing::show))
        .route("/mail/out/{id}/replay", post().to(outgoing::replay))
        .route("/mail/addresses", get().to(intake::list))
        .route("/mail/addresses", post().to(intake::add))
        .route("/mail/addresses/{id}", get().to(intake::edit_form))
        .route("/mail/addresses/{id}", post().to(intake::edit))
        .route("/mail/block", post().to(intake::block))
        .route("/mail/unblock", post().to(intake::unblock))
        // git
        .route("/repositories", get().to(repositories::list))
        .route("/repositories", post().to(repositories::register))
        .route("/repositories/coverage", get().to(coverage::show))
        .route("/repositories/coverage.csv", get().to(coverage::csv))
        .route("/repositories/coverage/list", get().to(coverage::list))
        .route(
            "/repositories/coverage/list.csv",
            get().to(coverage::list_csv),
        )
        .route("/repositories/{id}", get().to(repositories::edit_form))
        .route("/repositories/{id}", post().to(repositories::edit))
        .route(
            "/repositories/{id}/token",
            post().to(repositories::new_token),
        )
        .route("/repositories/{id}/forge", post().to(forge::save))
        .route("/repositories/{id}/forge/{verb}", post().to(forge::act))
        .route("/deployments", get().to(deployments::list))
        .route("/deployments/figures", get().to(dora::show))
        .route("/deployments/figures.csv", get().to(dora::csv))
        .route("/deployments/figures/list", get().to(dora::list))
        .route("/deployments/figures/list.csv", get().to(dora::list_csv))
        .route("/deployments/suspects", get().to(suspect_figures::show))
        .route("/deployments/{id}", get().to(deployments::show))
        .route("/deployments/queue/{id}/go", post().to(deploy_queue::go))
        .route(
            "/deployments/queue/{id}/withdraw",
            post().to(deploy_queue::withdraw),
        )
        // who else is told
        .route("/calendar", get().to(agenda::show))
        .route("/calendar/feed", post().to(agenda::renew_feed))
        .route("/calendar/feed/revoke", post().to(agenda::revoke_feed))
        .route("/freezes", get().to(freezes::list))
        .route("/freezes", post().to(freezes::add))
        .route("/freezes/import", get().to(freeze_import::form))
        .route("/freezes/import", post().to(freeze_import::import))
        .route("/freezes/{id}", get().to(freezes::show))
        .route("/freezes/{id}", post().to(freezes::edit))
        .route("/approvals", get().to(approvals::list))
        .route("/approvals", post().to(approvals::add))
        .route("/approvals/away", post().to(approvals::name_somebody))
        .route("/approvals/away/{id}/end", post().to(approvals::end))
        .route("/approvals/{id}", get().to(approvals::show))
        .route("/approvals/{id}", post().to(approvals::edit))
        .route("/webhooks", get().to(webhooks::list))
        .route("/webhooks", post().to(webhooks::add))
        .route("/webhooks/{id}", get().to(webhooks::show))
        .route("/webhooks/{id}", post().to(webhooks::edit))
        .route("/webhooks/{id}/{verb}", post().to(webhooks::act))
        // what is promised
        .route("/agreements", get().to(agreement::list))
        .route("/agreements", post().to(agreement_edit::save))
        .route("/agreements/new", get().to(agreement_edit::form))
        .route("/agreements/preview", post().to(agreement_edit::preview))
        .route("/agreements/{id}", get().to(agreement::show))
        .route("/agreements/{id}", post().to(agreement_edit::save))
        .route("/agreements/{id}/edit", get().to(agreement_edit::form))
        .route("/agreements/{id}/move", post().to(agreement::reorder))
        .route("/agreements/{id}/delete", post().to(agreement::delete))
        .route("/agreements/{id}/credits", get().to(credits::form))
        .route("/agreements/{id}/credits", post().to(credits::save))
        // what became of it
        .route("/reports/sla", get().to(sla_reports::show))
        .route("/reports/sla/list", get().to(sla_list::list))
        .route(
            "/reports/sla/{format:html|csv|pdf}",
            get().to(sla_reports::export),
        )
        .route("/reports/periods", get().to(periods::list))
        .route("/reports/periods", post().to(periods::lock))
        .route("/reports/periods/{id}/undo", post().to(periods::undo))
        .route(
            "/reports/stored/{id}/{format:html|csv|pdf}",
            get().to(periods::export),
        )
        .route("/calendars", post().to(calendar_edit::save))
        .route("/calendars/new", get().to(calendar_edit::form))
        .route("/calendars/preview", post().to(calendar_edit::preview))
        .route("/calendars/import", post().to(calendar_edit::import))
        .route("/calendars/{id}", get().to(calendar::show))
        .route("/calendars/{id}", post().to(calendar_edit::save))
        .route("/calendars/{id}/edit", get().to(calendar_edit::form))
        .route("/calendars/{id}/delete", post().to(calendar::delete))
        .default_service(to(reply::absent));
}
