//! Customers and their contacts.

use std::collections::HashMap;

use actix_web::{HttpRequest, web};
use askama::Template;

use super::inputs::{Answer, id_of, or_form, rev, switched, with_who, zones};
use crate::actions::{allow, customer as customers};
use crate::app::{App, Ctx};
use crate::domain::access::{Action, Reach, Target};
use crate::domain::id::{ContactId, CustomerId};
use crate::domain::people::{Contact, ContactDetails, Customer, CustomerDetails};
use crate::error::{Error, Result};
use crate::http::form::{Form, Posted};
use crate::http::page::{Page, Viewer};
use crate::http::reply::{self, Failure};
use crate::store;
use crate::store::contact_address::ContactAddress;

#[derive(Template)]
#[template(path = "customer/list.html")]
struct ListPage {
    p: Page,
    customers: Vec<Customer>,
    gone: Vec<Customer>,
}

pub async fn list(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let mut all = viewer
        .run(&app, |ctx| {
            allow(&ctx.by, Action::ReadHouse, Target::House)?;
            ctx.read(store::customer::all)
        })
        .await?;
    all.sort_by_key(|customer| customer.name.to_lowercase());
    let (customers, gone) = all.into_iter().partition(|customer| customer.is_active);
    reply::page(&ListPage {
        p: Page::new(&req, "customers-title"),
        customers,
        gone,
    })
}

#[derive(Template)]
#[template(path = "customer/show.html")]
struct CustomerPage {
    p: Page,
    /// `None` while it is being made.
    customer: Option<Customer>,
    contacts: Vec<Contact>,
    addresses: HashMap<ContactId, Vec<ContactAddress>>,
    form: Form,
    zones: Vec<(String, String)>,
    may_manage: bool,
    /// Whether they may say that letters arrive again.
    may_clear: bool,
}

impl CustomerPage {
    fn addresses(&self, contact: &Contact) -> &[ContactAddress] {
        self.addresses.get(&contact.id).map_or(&[], Vec::as_slice)
    }
}

#[derive(Default)]
struct Known {
    customer: Option<Customer>,
    contacts: Vec<Contact>,
    addresses: HashMap<ContactId, Vec<ContactAddress>>,
}

fn load(ctx: &Ctx<'_>, id: Option<CustomerId>) -> Result<Known> {
    let needed = if id.is_some() {
        Action::ReadHouse
    } else {
        Action::ManageCustomers
    };
    allow(&ctx.by, needed, Target::House)?;
    let Some(id) = id else {
        return Ok(Known::default());
    };
    ctx.read(|conn| {
        let mut contacts = store::people::contacts_of(conn, id)?;
        contacts.sort_by_key(|contact| (!contact.is_active, contact.name.to_lowercase()));
        let ids: Vec<ContactId> = contacts.iter().map(|contact| contact.id).collect();
        Ok(Known {
            customer: Some(store::customer::by_id(conn, id)?.ok_or(Error::NotFound)?),
            addresses: store::contact_address::of_contacts(conn, &ids)?,
            contacts,
        })
    })
}

fn page_of(req: &HttpRequest, known: Known, kept: Option<Form>) -> CustomerPage {
    let p = match &known.customer {
        Some(customer) => Page::titled(req, customer.name.clone()),
        None => Page::new(req, "customer-new"),
    };
    let standing = match &known.customer {
        Some(customer) => Form::new(p.words)
            .with("name", &customer.name)
            .with("zone", customer.zone.name())
            .with("language", &customer.language)
            .with("domains", customer.domains.join("\n"))
            .with("note", &customer.note)
            .with("rev", customer.version),
        None => Form::new(p.words).with("language", "en"),
    };
    CustomerPage {
        zones: zones(p.words),
        may_manage: p.may(Action::ManageCustomers),
        may_clear: p.may(Action::HandleMail) || p.may(Action::ManageCustomers),
        customer: known.customer,
        contacts: known.contacts,
        addresses: known.addresses,
        form: Form::opened(kept, standing),
        p,
    }
}

pub async fn new_form(req: HttpRequest, app: web::Data<App>, viewer: Viewer) -> Answer {
    let known = viewer.run(&app, |ctx| load(ctx, None)).await?;
    reply::page(&page_of(&req, known, None))
}

pub async fn show(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    let id: CustomerId = id_of(&id)?;
    let known = viewer.run(&app, move |ctx| load(ctx, Some(id))).await?;
    reply::page(&page_of(&req, known, None))
}

async fn save(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: Option<CustomerId>,
    posted: Posted,
) -> Answer {
    let seen = match id {
        Some(_) => rev(&posted)?,
        None => 0,
    };
    let details = CustomerDetails::parse(
        posted.text("name"),
        posted.text("zone"),
        posted.text("language"),
        posted.text("domains"),
        posted.text("note"),
    );
    let saved = match details {
        Err(errors) => Err(Error::Invalid(errors).into()),
        Ok(details) => {
            let work = move |ctx: &Ctx<'_>| match id {
                Some(id) => customers::edit(ctx, id, seen, &details),
                None => customers::add(ctx, &details),
            };
            viewer.run(&app, work).await
        }
    };
    match or_form(saved, &posted)? {
        Ok(customer) => Ok(reply::see_saying(
            &format!("/customers/{}", customer.id),
            "said-saved",
            "",
        )),
        Err(form) => {
            let known = viewer.run(&app, move |ctx| load(ctx, id)).await?;
            let name = known.customer.as_ref().map_or("", |it| it.name.as_str());
            let form = with_who(&app, &viewer, Some(form), ("customer", name)).await?;
            let page = page_of(&req, known, form);
            reply::page_with(page.form.status(), &page)
        }
    }
}

pub async fn add(req: HttpRequest, app: web::Data<App>, viewer: Viewer, posted: Posted) -> Answer {
    save(req, app, viewer, None, posted).await
}

pub async fn edit(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let id = id_of(&id)?;
    save(req, app, viewer, Some(id), posted).await
}

pub async fn set_active(
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let customer = ("/customers", id.as_str());
    switched(&app, &viewer, &posted, customer, customers::set_active).await
}

#[derive(Template)]
#[template(path = "customer/contact.html")]
pub(super) struct ContactPage {
    p: Page,
    customer: Customer,
    /// `None` while it is being made.
    contact: Option<Contact>,
    addresses: Vec<ContactAddress>,
    form: Form,
    /// Another address of theirs.
    pub(super) address_form: Form,
    zones: Vec<(String, String)>,
    reaches: Vec<(String, String)>,
    fresh_link: Option<String>,
}

fn load_contact(
    ctx: &Ctx<'_>,
    customer: CustomerId,
    id: Option<ContactId>,
) -> Result<(Customer, Option<Contact>, Vec<ContactAddress>)> {
    allow(&ctx.by, Action::ManageCustomers, Target::House)?;
    ctx.read(|conn| {
        let known = store::customer::by_id(conn, customer)?.ok_or(Error::NotFound)?;
        let contact = match id {
            None => None,
            Some(id) => {
                let contact = store::people::contact(conn, id)?;
                Some(
                    contact
                        .filter(|it| it.customer_id == customer)
                        .ok_or(Error::NotFound)?,
                )
            }
        };
        let addresses = match &contact {
            Some(contact) => store::contact_address::of_contact(conn, contact.id)?,
            None => Vec::new(),
        };
        Ok((known, contact, addresses))
    })
}

pub(super) async fn contact_page(
    req: &HttpRequest,
    app: &web::Data<App>,
    viewer: &Viewer,
    customer: CustomerId,
    id: Option<ContactId>,
    kept: Option<Form>,
) -> std::result::Result<ContactPage, Failure> {
    let (customer, contact, addresses) = viewer
        .run(app, move |ctx| load_contact(ctx, customer, id))
        .await?;
    let p = match &contact {
        Some(contact) => Page::titled(req, contact.name.clone()),
        None => Page::new(req, "contact-new"),
    };
    let name = contact.as_ref().map_or("", |contact| contact.name.as_str());
    let kept = with_who(app, viewer, kept, ("contact", name)).await?;
    let standing = match &contact {
        Some(contact) => Form::new(p.words)
            .with("name", &contact.name)
            .with("email", &contact.email)
            .with_some("phone", contact.phone.as_ref())
            .with("zone", contact.zone.map_or("", |zone| zone.name()))
            .with("reach", contact.reach)
            .with("rev", contact.version),
        None => Form::new(p.words).with("reach", Reach::Own),
    };
    let mut zones = zones(p.words);
    if let Some(first) = zones.first_mut() {
        first.1 = p.t("zone-of-customer").into_owned();
    }
    let reaches = Reach::ALL
        .iter()
        .map(|reach| (reach.to_string(), p.word("reach", reach.as_str())));
    Ok(ContactPage {
        zones,
        reaches: reaches.collect(),
        customer,
        form: Form::opened(kept, standing),
        contact,
        addresses,
        address_form: Form::new(p.words).prefixed("other-"),
        fresh_link: None,
        p,
    })
}

pub async fn new_contact(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
) -> Answer {
    let page = contact_page(&req, &app, &viewer, id_of(&id)?, None, None).await?;
    reply::page(&page)
}

pub async fn show_contact(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
) -> Answer {
    let (customer, id) = (id_of(&path.0)?, id_of(&path.1)?);
    let page = contact_page(&req, &app, &viewer, customer, Some(id), None).await?;
    reply::page(&page)
}

async fn save_contact(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    customer: CustomerId,
    id: Option<ContactId>,
    posted: Posted,
) -> Answer {
    let reach: Reach = posted
        .text("reach")
        .parse()
        .map_err(|()| Failure::malformed())?;
    let seen = match id {
        Some(_) => rev(&posted)?,
        None => 0,
    };
    let details = ContactDetails::parse(
        posted.text("name"),
        posted.text("email"),
        posted.text("phone"),
        posted.text("zone"),
        reach,
    );
    let saved = match details {
        Err(errors) => Err(Error::Invalid(errors).into()),
        Ok(details) => {
            let work = move |ctx: &Ctx<'_>| match id {
                Some(id) => customers::edit_contact(ctx, customer, id, seen, &details),
                None => customers::add_contact(ctx, customer, &details),
            };
            viewer.run(&app, work).await
        }
    };
    match or_form(saved, &posted)? {
        Ok(_) => Ok(reply::see_saying(
            &format!("/customers/{customer}"),
            "said-saved",
            "",
        )),
        Err(form) => {
            let page = contact_page(&req, &app, &viewer, customer, id, Some(form)).await?;
            reply::page_with(page.form.status(), &page)
        }
    }
}

pub async fn add_contact(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    id: web::Path<String>,
    posted: Posted,
) -> Answer {
    let customer = id_of(&id)?;
    save_contact(req, app, viewer, customer, None, posted).await
}

pub async fn edit_contact(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    posted: Posted,
) -> Answer {
    let (customer, id) = (id_of(&path.0)?, id_of(&path.1)?);
    save_contact(req, app, viewer, customer, Some(id), posted).await
}

pub async fn set_contact_active(
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    posted: Posted,
) -> Answer {
    let customer: CustomerId = id_of(&path.0)?;
    let list = format!("/customers/{customer}/contacts");
    let contact = (list.as_str(), path.1.as_str());
    switched(
        &app,
        &viewer,
        &posted,
        contact,
        move |ctx, id, is_active| customers::set_contact_active(ctx, customer, id, is_active),
    )
    .await
}

pub async fn invite_contact(
    req: HttpRequest,
    app: web::Data<App>,
    viewer: Viewer,
    path: web::Path<(String, String)>,
    _form: Posted,
) -> Answer {
    let (customer, id): (CustomerId, ContactId) = (id_of(&path.0)?, id_of(&path.1)?);
    let link = viewer
        .run(&app, move |ctx| {
            let path = customers::invite_contact(ctx, customer, id)?;
            let settings = crate::actions::settings::in_force(ctx.app)?;
            Ok(format!("{}{path}", settings.public_url.unwrap_or_default()))
        })
        .await?;
    let mut page = contact_page(&req, &app, &viewer, customer, Some(id), None).await?;
    page.fresh_link = Some(link);
    reply::page(&page)
}
