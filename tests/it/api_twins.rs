//! Whatever a page's form does, a call of the API does too, or a reason says why not.

use std::collections::BTreeSet;

use watchkeeper::http::api::ROUTES;

use crate::access_matrix;

/// Each form of the pages, and the calls that do the same; or why there is none.
const TWINS: &[(&str, &str)] = &[
    ("/set-up/{token}", "once, by the link that was printed"),
    ("/log-in", "a token is in already"),
    ("/log-out", "a token is revoked"),
    ("/forgotten", "a token has no password"),
    ("/reset/{token}", "a token has no password"),
    ("/invitation/{token}", "whoever is invited comes in person"),
    ("/profile", "an account is kept by its person"),
    ("/profile/ways", "PUT /api/v1/me/ways"),
    ("/profile/signing-secret", "POST /api/v1/me/signing-secret"),
    ("/profile/screen", "a token has no screen"),
    ("/profile/password", "an account is kept by its person"),
    (
        "/profile/sessions/{id}/end",
        "an account is kept by its person",
    ),
    ("/profile/holidays", "PUT /api/v1/people/{id}/holidays"),
    ("/profile/end-sessions", "an account is kept by its person"),
    ("/tokens", "POST /api/v1/tokens"),
    ("/tokens/{id}/revoke", "DELETE /api/v1/tokens/{id}"),
    ("/customers", "POST /api/v1/customers"),
    ("/customers/{id}", "PATCH /api/v1/customers/{id}"),
    ("/customers/{id}/active", "PATCH /api/v1/customers/{id}"),
    (
        "/customers/{id}/contacts",
        "POST /api/v1/customers/{id}/contacts",
    ),
    (
        "/customers/{id}/contacts/{contact}",
        "PATCH /api/v1/customers/{id}/contacts/{contact}",
    ),
    (
        "/customers/{id}/contacts/{contact}/active",
        "PATCH /api/v1/customers/{id}/contacts/{contact}",
    ),
    (
        "/customers/{id}/contacts/{contact}/invite",
        "POST /api/v1/customers/{id}/contacts/{contact}/invite",
    ),
    (
        "/customers/{id}/contacts/{contact}/addresses",
        "POST /api/v1/customers/{id}/contacts/{contact}/addresses",
    ),
    (
        "/customers/{id}/contacts/{contact}/addresses/remove",
        "DELETE /api/v1/customers/{id}/contacts/{contact}/addresses/{address}",
    ),
    (
        "/customers/{id}/reachable",
        "DELETE /api/v1/bouncing-addresses/{address}",
    ),
    ("/settings", "PATCH /api/v1/settings"),
    ("/wordings", "POST /api/v1/wordings"),
    ("/wordings/{id}", "PATCH /api/v1/wordings/{id}"),
    ("/portal", "contacts have no tokens"),
    ("/portal/{key}", "contacts have no tokens"),
    ("/portal/{key}/solved", "contacts have no tokens"),
    ("/new", "POST /api/v1/tickets"),
    ("/call", "POST /api/v1/tickets"),
    ("/views", "POST /api/v1/views"),
    ("/views/{id}/delete", "DELETE /api/v1/views/{id}"),
    ("/{key}/edit", "PATCH /api/v1/tickets/{key}"),
    ("/{key}/post-mortem", "POST /api/v1/post-mortems"),
    (
        "/{key}/post-mortem/{step}",
        "PATCH /api/v1/post-mortems/{key}, POST /api/v1/tickets/{key}/state",
    ),
    (
        "/{key}/report/{customer}",
        "PATCH /api/v1/tickets/{key}/reports/{customer}",
    ),
    (
        "/{key}/report/{customer}/approve",
        "POST /api/v1/tickets/{key}/reports/{customer}/approve",
    ),
    (
        "/{key}/report/{customer}/send",
        "POST /api/v1/tickets/{key}/reports/{customer}/send",
    ),
    (
        "/{key}/files/{id}",
        "POST /api/v1/tickets/{key}/attachments/{id}/take-out",
    ),
    (
        "/{key}/{verb}",
        "POST /api/v1/tickets/{key}/take, POST /api/v1/changes/{key}/start, \
         POST /api/v1/tickets/{key}/proposals/{seq}/approve, POST /api/v1/tickets/{key}/proposals/{seq}/send-back, \
         POST /api/v1/tickets/{key}/proposals/{seq}/withdraw",
    ),
    ("/people", "POST /api/v1/people"),
    ("/people/{id}", "PATCH /api/v1/people/{id}"),
    ("/people/{id}/grants", "PATCH /api/v1/people/{id}"),
    ("/people/{id}/invite", "POST /api/v1/people/{id}/invite"),
    ("/people/{id}/active", "PATCH /api/v1/people/{id}"),
    ("/people/{id}/ways", "PUT /api/v1/people/{id}/ways"),
    ("/teams", "POST /api/v1/teams"),
    ("/teams/{id}", "PATCH /api/v1/teams/{id}"),
    ("/teams/{id}/active", "PATCH /api/v1/teams/{id}"),
    ("/services", "POST /api/v1/services"),
    ("/services/{id}", "PATCH /api/v1/services/{id}"),
    ("/services/{id}/active", "PATCH /api/v1/services/{id}"),
    (
        "/services/{id}/deploy-rule",
        "PATCH /api/v1/services/{id}/deploy-rule",
    ),
    (
        "/deployments/queue/{id}/go",
        "POST /api/v1/deployment-queue/{id}/go",
    ),
    (
        "/deployments/queue/{id}/withdraw",
        "POST /api/v1/deployment-queue/{id}/withdraw",
    ),
    ("/calendar/feed", "POST /api/v1/calendar/feed"),
    ("/calendar/feed/revoke", "DELETE /api/v1/calendar/feed"),
    ("/approvals", "POST /api/v1/approval-rules"),
    ("/approvals/{id}", "PATCH /api/v1/approval-rules/{id}"),
    ("/approvals/away", "POST /api/v1/approval-stand-ins"),
    (
        "/approvals/away/{id}/end",
        "DELETE /api/v1/approval-stand-ins/{id}",
    ),
    ("/freezes", "POST /api/v1/freezes"),
    ("/freezes/import", "POST /api/v1/freezes/import"),
    ("/freezes/{id}", "PATCH /api/v1/freezes/{id}"),
    ("/webhooks", "POST /api/v1/webhooks"),
    ("/webhooks/{id}", "PATCH /api/v1/webhooks/{id}"),
    (
        "/webhooks/{id}/{verb}",
        "PATCH /api/v1/webhooks/{id}, POST /api/v1/webhooks/{id}/ping, DELETE /api/v1/webhooks/{id}",
    ),
    ("/on-call/{team}/plan", "PUT /api/v1/teams/{id}/rotation"),
    (
        "/on-call/{team}/policy",
        "PUT /api/v1/teams/{id}/escalation-policy",
    ),
    (
        "/on-call/{team}/override",
        "POST /api/v1/teams/{id}/overrides",
    ),
    (
        "/on-call/{team}/override/{id}/withdraw",
        "DELETE /api/v1/teams/{id}/overrides/{override}",
    ),
    ("/on-call/{team}/feed", "POST /api/v1/teams/{id}/feed"),
    (
        "/on-call/{team}/feed/revoke",
        "DELETE /api/v1/teams/{id}/feed",
    ),
    ("/test-page", "POST /api/v1/me/test-page"),
    (
        "/leave/{token}",
        "by the link of a letter, for whoever has no token",
    ),
    ("/n/{token}", "POST /api/v1/tickets/{key}/acknowledge"),
    (
        "/mail/in/{id}/{verb}",
        "POST /api/v1/mail/{id}/take-in, POST /api/v1/mail/{id}/drop, POST /api/v1/mail/{id}/accept, POST /api/v1/mail/{id}/put-right",
    ),
    (
        "/mail/out/{id}/replay",
        "POST /api/v1/deliveries/{id}/replay",
    ),
    ("/mail/addresses", "POST /api/v1/intake-addresses"),
    (
        "/mail/addresses/{id}",
        "PATCH /api/v1/intake-addresses/{id}",
    ),
    ("/mail/block", "POST /api/v1/blocked-senders"),
    ("/mail/unblock", "DELETE /api/v1/blocked-senders/{pattern}"),
    ("/repositories", "POST /api/v1/repositories"),
    ("/repositories/{id}", "PATCH /api/v1/repositories/{id}"),
    (
        "/repositories/{id}/token",
        "POST /api/v1/repositories/{id}/token",
    ),
    (
        "/repositories/{id}/forge",
        "PUT /api/v1/repositories/{id}/forge",
    ),
    (
        "/repositories/{id}/forge/{verb}",
        "POST /api/v1/repositories/{id}/forge/secret, POST /api/v1/repositories/{id}/forge/drop-old-secret, \
         POST /api/v1/repositories/{id}/forge/look, DELETE /api/v1/repositories/{id}/forge",
    ),
    ("/agreements", "POST /api/v1/agreements"),
    (
        "/agreements/{id}/credits",
        "PUT /api/v1/agreements/{id}/credits",
    ),
    ("/reports/periods", "POST /api/v1/period-locks"),
    (
        "/reports/periods/{id}/undo",
        "POST /api/v1/period-locks/{id}/undo",
    ),
    (
        "/checks/{key}/recompute",
        "a repair that a person asks for after having read what differs",
    ),
    ("/agreements/{id}", "PATCH /api/v1/agreements/{id}"),
    ("/agreements/preview", "POST /api/v1/agreements"),
    ("/agreements/{id}/move", "POST /api/v1/agreements/{id}/move"),
    ("/agreements/{id}/delete", "DELETE /api/v1/agreements/{id}"),
    ("/calendars", "POST /api/v1/calendars"),
    ("/calendars/{id}", "PATCH /api/v1/calendars/{id}"),
    ("/calendars/preview", "POST /api/v1/calendars"),
    ("/calendars/import", "POST /api/v1/calendars/read-ics"),
    ("/calendars/{id}/delete", "DELETE /api/v1/calendars/{id}"),
];

#[test]
fn every_form_has_a_call_that_does_the_same_or_a_reason() {
    let forms: BTreeSet<String> = access_matrix::routes()
        .into_iter()
        .filter(|(method, pattern)| method == "POST" && !pattern.starts_with("/api/"))
        .map(|(_, pattern)| pattern)
        .collect();
    let known: BTreeSet<String> = TWINS.iter().map(|(form, _)| (*form).to_owned()).collect();
    assert_eq!(known.len(), TWINS.len(), "one line for each");
    let missing: Vec<_> = forms.difference(&known).collect();
    let gone: Vec<_> = known.difference(&forms).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "without a line: {missing:?}; no form any more: {gone:?}"
    );
    for (form, twins) in TWINS.iter().filter(|(_, twins)| twins.contains("/api/")) {
        for twin in twins.split(", ") {
            let (method, path) = twin.split_once(' ').expect("a method and an address");
            let is_there = ROUTES
                .iter()
                .any(|(known, place, _)| *known == method && *place == path);
            assert!(is_there, "{form}: there is no {twin}");
        }
    }
}
