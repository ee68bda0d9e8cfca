//! "Company Security Settings": what an organisation asks of its members, and resets, by whom policy lets.
//!
//! Both change something for others, so both are errands: begun here, and done with fresh proof of both factors. An errand
//! is judged again when it is done, by who asks then and what policy says then.

use axum::extract::{Request, State};
use axum::http::StatusCode;
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

pub(crate) async fn show(State(site): State<Site>, secured: RequireMfa) -> Response {
    let Some(charge) = Charge::of(&secured.visitor) else { return forbidden(&site.pages, &secured.visitor) };
    page(&site, &secured.visitor, &charge, None).await
}

/// "Save".
pub(crate) async fn save(State(site): State<Site>, request: Request) -> Response {
    let (secured, _, form) = match secured_form(&site, request).await {
        Ok(read) => read,
        Err(answer) => return answer,
    };
    let Some(charge) = Charge::of(&secured.visitor) else { return forbidden(&site.pages, &secured.visitor) };
    let Some(organization) = charge.organization else { return forbidden(&site.pages, &secured.visitor) };
    match settings(organization, &form) {
        Ok(settings) => site.pages.with_fresh_proof(&secured, Purpose::Manage, &to_errand(&settings)).await,
        Err(sentence) => page(&site, &secured.visitor, &charge, Some((sentence, &form))).await,
    }
}

/// "Reset MFA".
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
        return page(&site, &secured.visitor, &charge, Some((sentence, &form))).await;
    }
    match is_resettable(&site, &charge, email).await {
        Ok(true) => site.pages.with_fresh_proof(&secured, Purpose::Manage, &format!("reset {email}")).await,
        Ok(false) => {
            let sentence = "There is nothing to reset: MFA is not set up.";
            page(&site, &secured.visitor, &charge, Some((sentence, &form))).await
        }
        Err(error) => unavailable(&site.pages, &secured.visitor, &error),
    }
}

/// Whether there is anything to reset, where the actor is one who may. Whoever may not learns nothing here.
async fn is_resettable(site: &Site, charge: &Charge, email: &str) -> Result<bool, HostError> {
    let Some(member) = charge.find(email).filter(|member| member.email != charge.actor.email) else {
        return Ok(true);
    };
    let overview = site.pages.mfa().overview(&site.host.about(member)?).await?;
    Ok(overview.is_enrolled() || overview.needs_binding_code)
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
            Some(code) => binding_code(host, member, code)?,
            None => {
                let email = member.email;
                host.tell(visitor, &format!("Two-factor authentication of {email} was reset."))?;
                see_other(PATH)
            }
        });
    }
    let organization = charge.organization.ok_or_else(refused)?;
    let settings = from_errand(organization, errand).ok_or_else(refused)?;
    host.store.keep_organization(&settings, true)?;
    host.tell(visitor, "The settings were saved.")?;
    Ok(see_other(PATH))
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

async fn page(site: &Site, visitor: &Visitor, charge: &Charge, refused: Option<(&str, &Form)>) -> Response {
    match main(site, visitor, charge, refused.map(|(_, form)| form)).await {
        Ok(main) => {
            let layout = site.layout("Company Security Settings").wide();
            match refused {
                Some((sentence, _)) => {
                    layout.status(StatusCode::UNPROCESSABLE_ENTITY).alert(sentence).respond(&main)
                }
                None => layout.respond(&main),
            }
        }
        Err(error) => unavailable(&site.pages, visitor, &error),
    }
}

async fn main(
    site: &Site,
    visitor: &Visitor,
    charge: &Charge,
    refused: Option<&Form>,
) -> Result<String, HostError> {
    let mut main = String::new();
    // A page that refuses something says nothing else; what was done is told by the next.
    if refused.is_none()
        && let Some(told) = site.host.told(visitor)?
    {
        main.push_str(&format!("<p class=\"note\" role=\"status\">{}</p>", html_escape(&told)));
    }
    if let Some(id) = charge.organization {
        main.push_str(&settings_form(visitor, &site.host.store.organization(id)?, refused));
    }
    let mut members = String::new();
    for member in &charge.members {
        members.push_str(&member_row(site, visitor, charge, member, refused).await?);
    }
    let title = if charge.organization.is_some() { "Members" } else { "Payments Users" };
    main.push_str(&format!(
        "<section class=\"block\" aria-labelledby=\"members\"><h2 id=\"members\">{title}</h2>\
         <ul class=\"members\">{members}</ul></section><p class=\"links\"><a href=\"{HOME}\">Home</a></p>"
    ));
    Ok(main)
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
    let (described, invalid) = match typed {
        Some(_) => ("alert enforce-hint", " aria-invalid=\"true\" autofocus"),
        None => ("enforce-hint", ""),
    };
    format!(
        "<section aria-labelledby=\"organization\"><h2 id=\"organization\">{id}</h2><form method=\"post\" action=\"{PATH}\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\
         <div class=\"check\"><input type=\"checkbox\" role=\"switch\" id=\"require\" name=\"require\" value=\"yes\"{checked}>\
         <label for=\"require\">Require MFA</label></div>\
         <div class=\"field\"><label for=\"enforce_from\">Enforce from</label>\
         <input type=\"text\" id=\"enforce_from\" name=\"enforce_from\" autocomplete=\"off\" value=\"{from}\" \
         aria-describedby=\"{described}\"{invalid}>\
         <p class=\"hint\" id=\"enforce-hint\">A date such as 2027-01-31. Members may set up earlier; empty is at once.</p></div>\
         <div class=\"field\"><label for=\"reauthenticate_after\">Ask again after</label>\
         <select id=\"reauthenticate_after\" name=\"reauthenticate_after\">{options}</select></div>\
         <button type=\"submit\">Save</button></form></section>",
        id = html_escape(&kept.id),
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
    refused: Option<&Form>,
) -> Result<String, HostError> {
    let about = site.host.about(member)?;
    let (mfa, now) = (site.pages.mfa(), site.host.clock.now()?);
    // One member whose record cannot be told keeps nobody from seeing the others.
    let state = match mfa.overview(&about).await {
        Ok(overview) => state(&overview),
        Err(error) => {
            crate::complain(&error);
            "Cannot be told"
        }
    };
    let policy = mfa.policy();
    let may_reset =
        policy.decide(about.subject().attributes(), now).may_reset(visitor.context.subject().attributes());
    let form = if may_reset && member.email != charge.actor.email {
        let id = html_escape(&format!("verified-{}", member.email));
        let is_refused = refused.is_some_and(|form| form.get("email") == Some(member.email));
        let invalid =
            if is_refused { " aria-invalid=\"true\" aria-describedby=\"alert\" autofocus" } else { "" };
        format!(
            "<form method=\"post\" action=\"{RESET}\" aria-label=\"Reset MFA of {email}\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\
             <input type=\"hidden\" name=\"email\" value=\"{email}\">\
             <div class=\"check\"><input type=\"checkbox\" id=\"{id}\" name=\"verified\" value=\"yes\"{invalid}>\
             <label for=\"{id}\">I have verified the user's request</label></div>\
             <button type=\"submit\" class=\"secondary danger\">Reset MFA</button></form>",
            csrf = html_escape(&visitor.csrf),
            email = html_escape(member.email),
        )
    } else {
        String::new()
    };
    let email = html_escape(member.email);
    Ok(format!(
        "<li><p class=\"member\"><strong>{email}</strong> <span class=\"state\">{state}</span></p>{form}</li>"
    ))
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
fn binding_code(host: &SiteHost, member: &Account, code: &str) -> Result<Response, HostError> {
    let pages = host.pages.get().ok_or("the pages are not mounted")?;
    let main = format!(
        "<p class=\"lead\">Hand this code to <strong>{}</strong> yourself. It is needed to set up again, works for one \
         day, and is not shown again.</p><p class=\"code\" id=\"binding-code\" translate=\"no\">{}</p>\
         <p class=\"links\"><a href=\"{PATH}\">Company Security Settings</a></p>",
        html_escape(member.email),
        html_escape(code)
    );
    Ok(pages.layout("Set-Up Code").brand(host.realm.issuer()).respond(&main))
}
