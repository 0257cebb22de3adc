//! The first page of a fresh house: who, where, how people are reached. Locked once there is an admin.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, web};
use askama::Template;

use super::account::{add_cookie, from, new_password};
use super::inputs::{Answer, invalid, zones};
use crate::actions::settings::{self, Founding};
use crate::app::App;
use crate::domain::access::Principal;
use crate::domain::freeze::Details;
use crate::domain::login::Purpose;
use crate::domain::people::PersonDetails;
use crate::domain::refusal::FieldError;
use crate::domain::text;
use crate::domain::timeline::Door;
use crate::error::{Error, Fields};
use crate::http::form::{Form, Posted};
use crate::http::page::Page;
use crate::http::reply::{self, Failure};
use crate::http::viewer::{cookie_for, is_https, run_as};
use crate::secrets;
use crate::store::login;
use crate::words::Words;

#[derive(Template)]
#[template(path = "account/set_up.html")]
struct SetUpPage {
    p: Page,
    form: Form,
    action: String,
    zones: Vec<(String, String)>,
}

impl SetUpPage {
    fn new(req: &HttpRequest, form: Form) -> Self {
        let p = Page::new(req, "set-up-title");
        let zones = zones(p.words);
        Self {
            p,
            form,
            action: req.path().to_owned(),
            zones,
        }
    }
}

pub async fn form(req: HttpRequest, app: web::Data<App>, token: web::Path<String>) -> Answer {
    check_link(&app, token.into_inner()).await?;
    let scheme = if is_https(&req) { "https" } else { "http" };
    let here = format!("{scheme}://{}", req.connection_info().host());
    let form = Form::new(Words::english())
        // What the browser calls us is a proposal that stands in the field, not a guess behind it.
        .with("public_url", app.config.public_url.clone().unwrap_or(here))
        .with("house", "Watchkeeper")
        .with("team", "Operations")
        .with("service", "Everything");
    reply::page(&SetUpPage::new(&req, form))
}

async fn check_link(app: &web::Data<App>, token: String) -> Result<(), Failure> {
    run_as(app, Principal::System("set-up"), Door::Web, move |ctx| {
        let link = ctx.read(|conn| login::link(conn, &secrets::fingerprint(&token)))?;
        match link {
            Some(link) if link.works(Purpose::SetUp, ctx.now) => Ok(()),
            _ => Err(Error::NotFound),
        }
    })
    .await
}

pub async fn found(
    req: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
    posted: Posted,
) -> Answer {
    let token = token.into_inner();
    check_link(&app, token.clone()).await?;
    let founded = match parse(&posted) {
        Ok(founding) => {
            let password = posted.text("password").to_owned();
            let from = from(&req);
            run_as(&app, Principal::System("set-up"), Door::Web, move |ctx| {
                let founding = Founding {
                    password_hash: secrets::hash_password(&password)?,
                    ..founding
                };
                settings::set_up(ctx, &token, &founding, &from)
            })
            .await
        }
        Err(error) => Err(error.into()),
    };
    let session = match invalid(founded)? {
        Ok(session) => session,
        Err(errors) => {
            let page = SetUpPage::new(&req, Form::kept(Words::english(), &posted, errors));
            return reply::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page);
        }
    };
    let mut answer = reply::see_saying("/", "said-founded", "");
    add_cookie(&mut answer, cookie_for(&req, session))?;
    Ok(answer)
}

/// Everything that is wrong at once; the settings are checked where they are stored.
fn parse(posted: &Posted) -> crate::error::Result<Founding> {
    let mut fields = Fields::new();
    let admin = PersonDetails::parse(
        posted.text("name"),
        posted.text("email"),
        posted.text("zone"),
        posted.text("phone"),
    );
    let admin = admin.map_err(|errors| errors.into_iter().for_each(|error| fields.push(error)));
    let about = vec![
        posted.text("name").to_owned(),
        posted.text("email").to_owned(),
    ];
    if let Err(errors) = new_password(posted, &about) {
        errors.into_iter().for_each(|error| fields.push(error));
    }
    let house_zone = fields.take(text::zone("house_zone", posted.text("house_zone")));
    let public_url = posted.text("public_url").trim().to_owned();
    if public_url.is_empty() {
        fields.push(FieldError::new("public_url", "required"));
    }
    let relay = posted.text("smtp_relay").trim().to_owned();
    let sender = posted.text("mail_from").trim().to_owned();
    if !relay.is_empty() && sender.is_empty() {
        fields.push(FieldError::new("mail_from", "required"));
    }
    fields.check()?;
    let (Ok(admin), Some(house_zone)) = (admin, house_zone) else {
        return Err(Error::internal("checked fields have values"));
    };
    Ok(Founding {
        admin,
        password_hash: String::new(),
        house_name: posted.text("house").to_owned(),
        house_zone,
        public_url,
        smtp_relay: relay,
        mail_from: sender,
        team: posted.text("team").to_owned(),
        service: posted.text("service").to_owned(),
        freeze: posted
            .ticked("friday")
            .then(|| Details::friday(&Words::english().t("freeze-friday"), house_zone)),
    })
}
