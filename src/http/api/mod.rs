//! The JSON API: one call, one action. The table below is the only place that knows an address; from it come the router and the
//! OpenAPI document, so that neither can have what the other hasn't.

mod agenda;
mod agreement;
mod approval;
mod audit_evidence;
mod calc;
mod calendar;
pub mod call;
mod change;
mod clock;
mod commit;
mod contact_address;
mod coverage;
mod credit;
mod customer;
mod deploy_queue;
mod deploy_rule;
mod deployment;
pub mod document;
mod dora;
mod entry;
mod feed;
mod fix;
mod forge;
mod forge_door;
mod freeze;
mod freeze_import;
mod glass_count;
mod hold;
pub mod hook;
mod house;
mod intake;
mod letter_look;
mod mail;
mod merge;
mod oncall;
pub mod paging;
mod part;
mod period_lock;
mod person;
mod post_mortem;
pub mod problem;
mod proposal;
mod read;
pub mod reference;
mod report;
mod repository;
mod restored;
mod schedule;
mod search;
mod settings;
mod sla_report;
mod step;
mod suspect;
mod suspect_figures;
mod take_back;
mod target_policy;
mod terms;
mod ticket;
mod times;
pub mod value;
mod ways;
mod webhook;
mod what_if;
mod wording;

use actix_web::http::Method;
use actix_web::{HttpResponse, Scope, web};
use utoipa::OpenApi;

use self::call::Call;
use self::problem::Failure;

/// Addresses, methods and handlers, once.
macro_rules! doors {
    ($($path:literal { $($method:ident $handler:ident :: $name:ident),+ $(,)? })+) => {
        #[derive(OpenApi)]
        #[openapi(paths($($($handler::$name),+),+), components(schemas(problem::Problem)))]
        pub struct Handlers;

        /// Every operation: method, address, name.
        pub const ROUTES: &[(&str, &str, &str)] =
            &[$($((stringify!($method), $path, stringify!($handler::$name))),+),+];

        fn doors() -> Scope {
            web::scope(BASE)
                $(.service(
                    web::resource(within_base($path))
                        $(.route(web::method(Method::$method).to($handler::$name)))+
                        .default_service(web::to(|call: Call| no_method(call, &[$(stringify!($method)),+]))),
                ))+
        }
    };
}

doors! {
    "/api/v1/tickets" { GET ticket::list, POST ticket::open }
    "/api/v1/tickets/{key}" { GET ticket::read, PATCH ticket::edit }
    "/api/v1/tickets/{key}/take" { POST step::take }
    "/api/v1/tickets/{key}/assign" { POST step::assign }
    "/api/v1/tickets/{key}/unassign" { POST step::unassign }
    "/api/v1/tickets/{key}/hand-over" { POST step::hand_over }
    "/api/v1/tickets/{key}/acknowledge" { POST step::acknowledge }
    "/api/v1/tickets/{key}/page" { POST step::page_person }
    "/api/v1/tickets/{key}/state" { POST step::state }
    "/api/v1/tickets/{key}/resolve" { POST step::resolve }
    "/api/v1/tickets/{key}/reopen" { POST step::reopen }
    "/api/v1/tickets/{key}/hold" { POST hold::add }
    "/api/v1/tickets/{key}/release" { POST hold::release }
    "/api/v1/tickets/{key}/severity" { POST step::severity }
    "/api/v1/tickets/{key}/priority" { POST step::priority }
    "/api/v1/tickets/{key}/times" { POST times::correct }
    "/api/v1/tickets/{key}/callback" { POST step::callback }
    "/api/v1/tickets/{key}/entries" { GET entry::list }
    "/api/v1/tickets/{key}/entries/{seq}" { GET entry::read }
    "/api/v1/tickets/{key}/entries/{seq}/report-mark" { PUT entry::mark }
    "/api/v1/tickets/{key}/entries/{seq}/redact" { POST entry::redact }
    "/api/v1/tickets/{key}/entries/{seq}/share" { POST entry::share }
    "/api/v1/tickets/{key}/entries/{seq}/take-back" { POST take_back::take_back }
    "/api/v1/tickets/{key}/notes" { POST entry::note }
    "/api/v1/tickets/{key}/replies" { POST entry::reply }
    "/api/v1/tickets/{key}/updates" { POST entry::update }
    "/api/v1/tickets/{key}/conversations" { POST entry::conversation }
    "/api/v1/tickets/{key}/proposals/{seq}/approve" { POST proposal::approve }
    "/api/v1/tickets/{key}/proposals/{seq}/send-back" { POST proposal::send_back }
    "/api/v1/tickets/{key}/proposals/{seq}/withdraw" { POST proposal::withdraw }
    "/api/v1/tickets/{key}/no-reply-needed" { POST entry::no_reply_needed }
    "/api/v1/tickets/{key}/merge" { POST merge::merge }
    "/api/v1/tickets/{key}/unmerge" { POST merge::unmerge }
    "/api/v1/tickets/{key}/parts" { GET part::read }
    "/api/v1/tickets/{key}/labels/{label}" { PUT part::label, DELETE part::unlabel }
    "/api/v1/tickets/{key}/watch" { POST part::watch }
    "/api/v1/tickets/{key}/unwatch" { POST part::unwatch }
    "/api/v1/tickets/{key}/links" { POST part::link }
    "/api/v1/tickets/{key}/links/{relation}/{to}" { DELETE part::unlink }
    "/api/v1/tickets/{key}/affected" { POST part::add_affected }
    "/api/v1/tickets/{key}/affected/{customer}/restored" { POST restored::restored }
    "/api/v1/tickets/{key}/affected/{customer}/not-restored" { POST restored::not_restored }
    "/api/v1/tickets/{key}/roles/{role}" { PUT part::set_role }
    "/api/v1/tickets/{key}/evidence" { POST part::attach }
    "/api/v1/tickets/{key}/attachments/{id}" { GET part::attachment }
    "/api/v1/tickets/{key}/attachments/{id}/content" { GET part::content }
    "/api/v1/tickets/{key}/attachments/{id}/take-out" { POST part::take_out }
    "/api/v1/tickets/{key}/commits" { GET commit::of_ticket }
    "/api/v1/tickets/{key}/clocks" { GET clock::list }
    "/api/v1/tickets/{key}/clocks/{id}" { GET clock::explained }
    "/api/v1/tickets/{key}/agreements" { GET terms::of_ticket }
    "/api/v1/tickets/{key}/suspects" { GET suspect::read, POST suspect::mark }
    "/api/v1/tickets/{key}/fixes" { GET fix::read }
    "/api/v1/tickets/{key}/fixes/decline" { POST fix::decline }
    "/api/v1/tickets/{key}/pages" { GET oncall::pages_of_ticket }
    "/api/v1/changes/{key}" { GET change::read, PATCH change::edit }
    "/api/v1/changes/{key}/ask-approval" { POST change::ask_approval }
    "/api/v1/changes/{key}/approve" { POST change::approve }
    "/api/v1/changes/{key}/refuse" { POST change::refuse }
    "/api/v1/changes/{key}/redraft" { POST change::redraft }
    "/api/v1/changes/{key}/break-glass" { POST change::break_glass }
    "/api/v1/changes/{key}/glass-review" { POST change::review_glass }
    "/api/v1/changes/{key}/start" { POST change::start }
    "/api/v1/changes/{key}/watch" { POST change::watch }
    "/api/v1/changes/{key}/close" { POST change::close }
    "/api/v1/post-mortems" { POST post_mortem::open }
    "/api/v1/post-mortems/{key}" { GET post_mortem::read, PATCH post_mortem::write }
    "/api/v1/post-mortems/{key}/actions" { POST post_mortem::add_action }
    "/api/v1/post-mortems/{key}/meeting" { PUT post_mortem::set_meeting }
    "/api/v1/post-mortems/{key}/meeting/guests" { POST post_mortem::invite }
    "/api/v1/post-mortems/{key}/meeting/held" { POST post_mortem::held }
    "/api/v1/post-mortems/{key}/meeting/cancel" { POST post_mortem::cancel_meeting }
    "/api/v1/tickets/{key}/reports/{customer}" { GET report::read, PATCH report::write }
    "/api/v1/tickets/{key}/reports/{customer}/approve" { POST report::approve }
    "/api/v1/tickets/{key}/reports/{customer}/send" { POST report::send }
    "/api/v1/tickets/{key}/reports/{customer}/{format}" { GET report::export }
    "/api/v1/mail" { GET mail::list }
    "/api/v1/mail/{id}" { GET mail::read }
    "/api/v1/mail/{id}/raw" { GET mail::raw }
    "/api/v1/mail/{id}/drop" { POST mail::drop_held }
    "/api/v1/mail/{id}/take-in" { POST mail::take_in }
    "/api/v1/mail/{id}/put-right" { POST mail::put_right }
    "/api/v1/mail/{id}/accept" { POST mail::accept }
    "/api/v1/mail/{id}/refuse" { POST mail::refuse }
    "/api/v1/blocked-senders" { GET intake::blocked, POST intake::block }
    "/api/v1/blocked-senders/{pattern}" { DELETE intake::unblock }
    "/api/v1/intake-addresses" { GET intake::addresses, POST intake::add_address }
    "/api/v1/intake-addresses/{id}" { GET intake::address, PATCH intake::edit_address }
    "/api/v1/deliveries" { GET mail::deliveries }
    "/api/v1/deliveries/{id}" { GET mail::delivery }
    "/api/v1/deliveries/{id}/replay" { POST mail::replay }
    "/api/v1/agreements" { GET agreement::list, POST agreement::add }
    "/api/v1/agreements/{id}" { GET agreement::read, PATCH agreement::edit, DELETE agreement::remove }
    "/api/v1/agreements/{id}/versions" { GET agreement::versions }
    "/api/v1/agreements/{id}/move" { POST agreement::reorder }
    "/api/v1/agreements/{id}/credits" { GET credit::read, PUT credit::set }
    "/api/v1/sla-report" { GET sla_report::read }
    "/api/v1/sla-report/clocks" { GET sla_report::cycles }
    "/api/v1/sla-report/files/{format}" { GET sla_report::export }
    "/api/v1/period-locks" { GET period_lock::list, POST period_lock::lock }
    "/api/v1/period-locks/{id}/undo" { POST period_lock::undo }
    "/api/v1/stored-reports/{id}/{format}" { GET period_lock::stored }
    "/api/v1/calendars" { GET calendar::list, POST calendar::add }
    "/api/v1/calendars/read-ics" { POST calendar::read_ics }
    "/api/v1/calendars/{id}" { GET calendar::read, PATCH calendar::edit, DELETE calendar::remove }
    "/api/v1/calendars/{id}/versions" { GET calendar::versions }
    "/api/v1/holiday-sets" { GET calendar::holiday_sets }
    "/api/v1/holiday-sets/{code}" { GET calendar::holiday_set }
    "/api/v1/recounts" { GET terms::recounts }
    "/api/v1/teams/{id}/shifts" { GET oncall::shifts }
    "/api/v1/teams/{id}/rotation" { GET schedule::rotation, PUT schedule::plan }
    "/api/v1/teams/{id}/escalation-policy" { GET schedule::policy, PUT schedule::set_policy }
    "/api/v1/teams/{id}/overrides" { GET schedule::overrides, POST oncall::add_override }
    "/api/v1/teams/{id}/overrides/{override}" { DELETE oncall::withdraw_override }
    "/api/v1/ledger" { GET oncall::ledger }
    "/api/v1/ledger/csv" { GET oncall::ledger_csv }
    "/api/v1/me/test-page" { POST oncall::test_page }
    "/api/v1/me/ways" { GET ways::own_ways, PUT ways::set_own_ways }
    "/api/v1/me/signing-secret" { POST ways::make_signing_secret }
    "/api/v1/teams/{id}/feed" { POST ways::make_feed, DELETE ways::end_feed }
    "/api/v1/freeze" { GET freeze::state }
    "/api/v1/calendar" { GET agenda::read }
    "/api/v1/calendar/feed" { POST ways::make_changes_feed, DELETE ways::end_changes_feed }
    "/api/v1/deployments" { GET deployment::list, POST deployment::record }
    "/api/v1/deployments/figures" { GET dora::read }
    "/api/v1/deployments/{id}" { GET deployment::read }
    "/api/v1/suspects/figures" { GET suspect_figures::figures }
    "/api/v1/deployment-queue" { GET deploy_queue::list }
    "/api/v1/deployment-queue/{id}" { GET deploy_queue::read }
    "/api/v1/deployment-queue/{id}/go" { POST deploy_queue::go }
    "/api/v1/deployment-queue/{id}/withdraw" { POST deploy_queue::withdraw }
    "/api/v1/heartbeats" { POST feed::beat }
    "/api/v1/broken-glass" { GET glass_count::read }
    "/api/v1/live" { GET deployment::live }
    "/api/v1/live/diff" { GET deployment::diff }
    "/api/v1/services/{id}/deploy-rule" { GET deploy_rule::read, PATCH deploy_rule::edit }
    "/api/v1/approval-rules" { GET approval::list, POST approval::add }
    "/api/v1/approval-rules/{id}" { GET approval::read, PATCH approval::edit }
    "/api/v1/approval-stand-ins" { GET approval::list_stand_ins, POST approval::add_stand_in }
    "/api/v1/approval-stand-ins/{id}" { DELETE approval::end_stand_in }
    "/api/v1/freezes" { GET freeze::list, POST freeze::add }
    "/api/v1/freezes/import" { POST freeze_import::import }
    "/api/v1/freezes/{id}" { GET freeze::read, PATCH freeze::edit }
    "/api/v1/webhooks" { GET webhook::list, POST webhook::add }
    "/api/v1/webhooks/{id}" { GET webhook::read, PATCH webhook::edit, DELETE webhook::remove }
    "/api/v1/webhooks/{id}/ping" { POST webhook::ping }
    "/api/v1/wordings" { GET wording::list, POST wording::add }
    "/api/v1/wordings/{id}" { GET wording::read, PATCH wording::edit }
    "/api/v1/proposals" { GET proposal::list }
    "/api/v1/customers" { GET customer::list, POST customer::add }
    "/api/v1/customers/{id}" { GET customer::read, PATCH customer::edit }
    "/api/v1/customers/{id}/contacts" { GET customer::contacts, POST customer::add_contact }
    "/api/v1/customers/{id}/contacts/{contact}" { GET customer::contact, PATCH customer::edit_contact }
    "/api/v1/customers/{id}/contacts/{contact}/invite" { POST customer::invite_contact }
    "/api/v1/customers/{id}/contacts/{contact}/addresses" { GET contact_address::list, POST contact_address::add }
    "/api/v1/customers/{id}/contacts/{contact}/addresses/{address}" { DELETE contact_address::remove }
    "/api/v1/bouncing-addresses" { GET contact_address::bouncing }
    "/api/v1/bouncing-addresses/{address}" { DELETE contact_address::clear_bouncing }
    "/api/v1/people" { GET person::list, POST person::invite }
    "/api/v1/people/{id}" { GET person::read, PATCH person::edit }
    "/api/v1/people/{id}/invite" { POST person::invite_again }
    "/api/v1/people/{id}/ways" { GET ways::ways, PUT ways::set_ways }
    "/api/v1/people/{id}/holidays" { GET person::holidays, PUT person::set_holidays }
    "/api/v1/teams" { GET house::teams, POST house::add_team }
    "/api/v1/teams/{id}" { GET house::team, PATCH house::edit_team }
    "/api/v1/services" { GET house::services, POST house::add_service }
    "/api/v1/services/{id}" { GET house::service, PATCH house::edit_service }
    "/api/v1/settings" { GET settings::read, PATCH settings::edit }
    "/api/v1/audit" { GET settings::audit }
    "/api/v1/audit/evidence" { GET audit_evidence::export }
    "/api/v1/calc" { POST calc::ask }
    "/api/v1/search" { GET search::find }
    "/api/v1/views" { GET search::views, POST search::save_view }
    "/api/v1/views/{id}" { GET search::view, DELETE search::delete_view }
    "/api/v1/repositories" { GET repository::list, POST repository::register }
    "/api/v1/repositories/coverage" { GET coverage::read }
    "/api/v1/repositories/{id}" { GET repository::read, PATCH repository::edit }
    "/api/v1/repositories/{id}/token" { POST repository::new_token }
    "/api/v1/repositories/{id}/forge" { GET forge::read, PUT forge::set, DELETE forge::remove }
    "/api/v1/repositories/{id}/forge/secret" { POST forge::rotate }
    "/api/v1/repositories/{id}/forge/drop-old-secret" { POST forge::drop_old_secret }
    "/api/v1/repositories/{id}/forge/look" { POST forge::look }
    "/api/v1/me" { GET person::me }
    "/api/v1/tokens" { GET person::tokens, POST person::make_token }
    "/api/v1/tokens/{id}" { DELETE person::revoke_token }
    "/api/v1/keys/{key}/verdict" { GET hook::verdict }
    "/api/v1/hook/pre-receive" { POST hook::pre_receive }
    "/api/v1/hook/post-receive" { POST hook::post_receive }
    "/api/v1/hook/compared" { POST hook::compared }
    "/api/v1/forge/{id}" { POST forge_door::receive }
}

/// Operations that only ask, with a question too long for an address.
pub const ASKING: &[&str] = &["/api/v1/calc"];

/// Registers the API. After the doors of others below `/api/`, since it answers for whatever is left there.
/// One scope: the addresses of pages are never tried for a call, nor these for a page.
const BASE: &str = "/api/v1";

fn within_base(path: &'static str) -> &'static str {
    path.strip_prefix(BASE).unwrap_or(path)
}

pub fn configure(routes: &mut web::ServiceConfig) {
    routes
        .service(doors().default_service(web::to(no_route)))
        .route("/openapi.json", web::get().to(document_bytes))
        .route("/api", web::get().to(reference::show));
}

async fn document_bytes() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-cache"))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .content_type("application/json")
        .body(document::bytes())
}

async fn no_route(_call: Call) -> Result<HttpResponse, Failure> {
    Err(Failure::NoRoute)
}

async fn no_method(_call: Call, allowed: &'static [&'static str]) -> Result<HttpResponse, Failure> {
    Err(Failure::NoMethod(allowed))
}
