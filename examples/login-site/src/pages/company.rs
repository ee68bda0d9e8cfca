//! "Company Security Settings": what an organisation asks of its members, and resets, by whom policy lets.
//!
//! Both change something for others, so both are errands: begun here, and done with fresh proof of both factors. An errand
//! is judged again when it is done, by who asks then and what policy says then.

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use mfa::policy::{OrganizationSettings, Purpose, ReauthenticateAfter};
use mfa::{Assertion, Attested, AuthenticatorStatus, Error, Overview, Rejection, UnixSeconds};
use mfa_axum::{Form, HostError, RequireMfa, Visitor, html_escape};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::payments::{forbidden, unavailable};
use super::{Site, account_of, secured_form, see_other};
use crate::accounts::{ADMINISTRATOR, Account};
use crate::flags::date_or_day;
use crate::host::{HOME, SiteHost};

pub(crate) const PATH: &str = "/company-security";
pub(crate) const RESET: &str = "/company-security/reset";

pub(crate) async fn show(State(site): State<Site>, uri: Uri, secured: RequireMfa) -> Response {
    let Some(charge) = Charge::of(&secured.visitor) else { return forbidden(&site.pages, &secured.visitor) };
    // What the request before this one has done, for the status line.
    let done = Form::parse(uri.query().unwrap_or_default()).ok();
    let told = done.and_then(|done| match (done.get("reset"), done.get("saved")) {
        (Some(email), _) if charge.find(email).is_some() => {
            Some(format!("Two-factor authentication of {email} was reset."))
        }
        (None, Some(_)) => Some("The settings were saved.".to_owned()),
        _ => None,
    });
    page(&site, &secured.visitor, &charge, told.as_deref(), None).await
}

/// [Save]
pub(crate) async fn save(State(site): State<Site>, request: Request) -> Response {
    let (secured, _, form) = match secured_form(&site, request).await {
        Ok(read) => read,
        Err(answer) => return answer,
    };
    let Some(charge) = Charge::of(&secured.visitor) else { return forbidden(&site.pages, &secured.visitor) };
    let Some(organization) = charge.organization else { return forbidden(&site.pages, &secured.visitor) };
    match settings(organization, &form) {
        Ok(settings) => site.pages.with_fresh_proof(&secured, Purpose::Manage, &to_errand(&settings)).await,
        Err(sentence) => page(&site, &secured.visitor, &charge, None, Some((sentence, &form))).await,
    }
}

/// [Reset MFA]
pub(crate) async fn reset(State(site): State<Site>, request: Request) -> Response {
    let (secured, _, form) = match secured_form(&site, request).await {
        Ok(read) => read,
        Err(answer) => return answer,
    };
    let email = form.get("email").unwrap_or_default();
    let charge = Charge::of(&secured.visitor);
    let Some(charge) = charge.filter(|charge| charge.find(email).is_some()) else {
        return forbidden(&site.pages, &secured.visitor);
    };
    if form.get("verified").is_none() {
        let sentence = "Verify the user's request, then tick the box to reset.";
        return page(&site, &secured.visitor, &charge, None, Some((sentence, &form))).await;
    }
    site.pages.with_fresh_proof(&secured, Purpose::Manage, &format!("reset {email}")).await
}

/// Does an errand of this page, for whoever asks by now.
pub(crate) async fn run(
    host: &SiteHost,
    visitor: &Visitor,
    errand: &str,
    proof: &Assertion,
) -> Result<Response, HostError> {
    let refused = || -> HostError { Box::new(Error::from(Rejection::NotAllowed)) };
    let charge = Charge::of(visitor).ok_or_else(refused)?;
    if let Some(email) = errand.strip_prefix("reset ") {
        let member = charge.find(email).ok_or_else(refused)?;
        let done = host.mfa.reset(&visitor.context, proof, &host.about(member)?, Attested).await?;
        return Ok(match done.expose_binding_code() {
            Some(code) => binding_code(host, visitor, member, code)?,
            None => see_other(&format!("{PATH}?reset={}", member.email)),
        });
    }
    let organization = charge.organization.ok_or_else(refused)?;
    let settings = from_errand(organization, errand).ok_or_else(refused)?;
    host.store.keep_organization(&settings, true)?;
    Ok(see_other(&format!("{PATH}?saved=1")))
}

/// Whom somebody looks after here, and which organisation's settings are theirs.
struct Charge {
    actor: &'static Account,
    members: Vec<&'static Account>,
    organization: Option<&'static str>,
}

impl Charge {
    fn of(visitor: &Visitor) -> Option<Self> {
        let actor = account_of(visitor)?;
        let members = actor.charges()?;
        Some(Self { actor, members, organization: actor.is(ADMINISTRATOR).then(|| actor.domain()) })
    }

    fn find(&self, email: &str) -> Option<&'static Account> {
        self.members.iter().copied().find(|member| member.email == email)
    }
}

fn settings(organization: &str, form: &Form) -> Result<OrganizationSettings, &'static str> {
    let mut settings = OrganizationSettings::new(organization);
    settings.require = form.get("require").is_some();
    let from = form.get("enforce_from").unwrap_or_default().trim();
    if !from.is_empty() {
        let from = date_or_day(from).map_err(|_| "Enter the date as 2027-01-31, or leave it empty.")?;
        settings.enforce_from = Some(from);
    }
    let after = form.get("reauthenticate_after").unwrap_or_default();
    settings.reauthenticate_after =
        Some(after.parse().map_err(|_| "Choose how often members are asked again.")?);
    Ok(settings)
}

fn to_errand(settings: &OrganizationSettings) -> String {
    let from = settings.enforce_from.map_or_else(|| "-".to_owned(), |from| from.get().to_string());
    let after = settings.reauthenticate_after.map_or("-", ReauthenticateAfter::as_str);
    format!("settings {} {from} {after}", if settings.require { "on" } else { "off" })
}

fn from_errand(organization: &str, errand: &str) -> Option<OrganizationSettings> {
    let words: Vec<&str> = errand.split(' ').collect();
    let ["settings", require, from, after] = words.as_slice() else { return None };
    let mut settings = OrganizationSettings::new(organization);
    settings.require = match *require {
        "on" => true,
        "off" => false,
        _ => return None,
    };
    settings.enforce_from = match *from {
        "-" => None,
        seconds => Some(UnixSeconds::new(seconds.parse().ok()?)),
    };
    settings.reauthenticate_after = Some(after.parse().ok()?);
    Some(settings)
}

async fn page(
    site: &Site,
    visitor: &Visitor,
    charge: &Charge,
    told: Option<&str>,
    refused: Option<(&str, &Form)>,
) -> Response {
    let settings = match charge.organization {
        Some(id) => match site.host.store.organization(id) {
            Ok(kept) => settings_form(visitor, &kept, refused.map(|(_, form)| form)),
            Err(_) => return unavailable(&site.pages, visitor),
        },
        None => String::new(),
    };
    let mut members = String::new();
    for member in &charge.members {
        match member_row(site, visitor, charge, member).await {
            Ok(row) => members.push_str(&row),
            Err(_) => return unavailable(&site.pages, visitor),
        }
    }
    let told = told.map(|told| format!("<p class=\"note\" role=\"status\">{}</p>", html_escape(told)));
    let main = format!(
        "{told}{settings}<section class=\"block\" aria-labelledby=\"members\"><h2 id=\"members\">{title}</h2>\
         <ul class=\"members\">{members}</ul></section><p class=\"links\"><a href=\"{HOME}\">Home</a></p>",
        told = told.unwrap_or_default(),
        title = if charge.organization.is_some() { "Members" } else { "Payments Users" },
    );
    let layout = site.pages.layout("Company Security Settings").visitor(visitor).wide();
    match refused {
        Some((sentence, _)) => layout.status(StatusCode::UNPROCESSABLE_ENTITY).alert(sentence).respond(&main),
        None => layout.respond(&main),
    }
}

/// The settings as they are kept, or as they were typed where something of it was refused.
fn settings_form(visitor: &Visitor, kept: &OrganizationSettings, typed: Option<&Form>) -> String {
    let typed = typed.filter(|form| form.get("enforce_from").is_some());
    let require = typed.map_or(kept.require, |form| form.get("require").is_some());
    let from = match typed {
        Some(form) => form.get("enforce_from").unwrap_or_default().to_owned(),
        None => kept.enforce_from.map(day).unwrap_or_default(),
    };
    let chosen = match typed {
        Some(form) => form.get("reauthenticate_after").and_then(|after| after.parse().ok()),
        None => kept.reauthenticate_after,
    };
    let option = |choice: ReauthenticateAfter| {
        let selected =
            if choice == chosen.unwrap_or(ReauthenticateAfter::TwelveHours) { " selected" } else { "" };
        format!("<option value=\"{}\"{selected}>{}</option>", choice.as_str(), choice.label())
    };
    let invalid = if typed.is_some() { " aria-invalid=\"true\"" } else { "" };
    format!(
        "<form method=\"post\" action=\"{PATH}\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\
         <div class=\"check\"><input type=\"checkbox\" role=\"switch\" id=\"require\" name=\"require\" value=\"yes\"{checked}>\
         <label for=\"require\">Require MFA</label></div>\
         <div class=\"field\"><label for=\"enforce_from\">Enforce from</label>\
         <input type=\"text\" id=\"enforce_from\" name=\"enforce_from\" autocomplete=\"off\" value=\"{from}\" \
         aria-describedby=\"enforce-hint\"{invalid}>\
         <p class=\"hint\" id=\"enforce-hint\">A date such as 2027-01-31. Members may set up earlier; empty is at once.</p></div>\
         <div class=\"field\"><label for=\"reauthenticate_after\">Ask again after</label>\
         <select id=\"reauthenticate_after\" name=\"reauthenticate_after\">{options}</select></div>\
         <button type=\"submit\">Save</button></form>",
        csrf = html_escape(&visitor.csrf),
        checked = if require { " checked" } else { "" },
        from = html_escape(&from),
        options = ReauthenticateAfter::ALL.into_iter().map(option).collect::<String>(),
    )
}

async fn member_row(
    site: &Site,
    visitor: &Visitor,
    charge: &Charge,
    member: &Account,
) -> Result<String, HostError> {
    let about = site.host.about(member)?;
    let (mfa, now) = (site.pages.mfa(), site.host.clock.now()?);
    // One member whose record cannot be told keeps nobody from seeing the others.
    let state = mfa.overview(&about).await.map_or("Cannot be told", |overview| state(&overview));
    let policy = mfa.policy();
    let may_reset =
        policy.decide(about.subject().attributes(), now).may_reset(visitor.context.subject().attributes());
    let form = if may_reset && member.email != charge.actor.email {
        let id = html_escape(&format!("verified-{}", member.email));
        format!(
            "<form method=\"post\" action=\"{RESET}\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\
             <input type=\"hidden\" name=\"email\" value=\"{email}\">\
             <div class=\"check\"><input type=\"checkbox\" id=\"{id}\" name=\"verified\" value=\"yes\">\
             <label for=\"{id}\">I have verified the user's request<span class=\"unseen\"> of {email}</span></label></div>\
             <button type=\"submit\" class=\"secondary danger\">Reset MFA<span class=\"unseen\"> of {email}</span></button></form>",
            csrf = html_escape(&visitor.csrf),
            email = html_escape(member.email),
        )
    } else {
        String::new()
    };
    let email = html_escape(member.email);
    Ok(format!("<li><p><strong>{email}</strong> <span class=\"quiet\">{state}</span></p>{form}</li>"))
}

fn state(overview: &Overview) -> &'static str {
    let mut states = overview.authenticators.iter().map(|one| one.status);
    match () {
        () if !overview.is_enrolled() => "Not set up",
        () if overview.is_recovering => "Recovering",
        () if states.any(|status| status == AuthenticatorStatus::Active) => "Set up",
        () => "Disabled",
    }
}

fn day(moment: UnixSeconds) -> String {
    let seconds = i64::try_from(moment.get()).unwrap_or(i64::MAX);
    let moment = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    match moment.time() == time::Time::MIDNIGHT {
        true => moment.date().to_string(),
        false => moment.format(&Rfc3339).unwrap_or_default(),
    }
}

/// Shown once: what the member needs to enroll again, where policy asks for it.
fn binding_code(
    host: &SiteHost,
    visitor: &Visitor,
    member: &Account,
    code: &str,
) -> Result<Response, HostError> {
    let pages = host.pages.get().ok_or("the pages are not mounted")?;
    let main = format!(
        "<p class=\"lead\">Hand this code to <strong>{}</strong> yourself. It is needed to set up again, works for one \
         day, and is not shown again.</p><p class=\"code\" id=\"binding-code\" translate=\"no\">{}</p>\
         <p class=\"links\"><a href=\"{PATH}\">Company Security Settings</a></p>",
        html_escape(member.email),
        html_escape(code)
    );
    Ok(pages.layout("Set-Up Code").visitor(visitor).respond(&main))
}
