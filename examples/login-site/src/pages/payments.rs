//! "Payments": for payments users. Nothing is paid before a code confirmed this very payment.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use mfa::{Error, InvalidTransaction, Rejection, Transaction};
use mfa_axum::{HostError, Pages, Refusal, RequireMfa, Visitor, html_escape};

use super::{Site, account_of, secured_form, see_other};
use crate::accounts::Account;
use crate::host::{HOME, SiteHost, random_token};
use crate::store::Payment;

pub(crate) const PATH: &str = "/payments";
const CURRENCY: &str = "USD";

pub(crate) async fn show(State(site): State<Site>, secured: RequireMfa) -> Response {
    match payer(&secured.visitor) {
        Some(_) => page(&site, &secured.visitor, "", "", None),
        None => forbidden(&site.pages, &secured.visitor),
    }
}

/// "Disburse": leads to "Verify Your Identity" for exactly this payment.
pub(crate) async fn disburse(State(site): State<Site>, request: Request) -> Response {
    let (secured, _, form) = match secured_form(&site, request).await {
        Ok(read) => read,
        Err(answer) => return answer,
    };
    if payer(&secured.visitor).is_none() {
        return forbidden(&site.pages, &secured.visitor);
    }
    let (amount, payee) =
        (form.get("amount").unwrap_or_default().trim(), form.get("payee").unwrap_or_default().trim());
    // Nobody can guess another's payment by its name, and each [Disburse] is a payment of its own.
    let id = match random_token() {
        Ok(id) => id,
        Err(error) => return unavailable(&site.pages, &secured.visitor, &error.into()),
    };
    // The currency has cents, and nothing smaller.
    let is_too_fine = amount.split_once('.').is_some_and(|(_, decimals)| decimals.len() > 2);
    match Transaction::new(&id, amount, CURRENCY, payee) {
        Ok(transaction) if !is_too_fine => site.pages.confirm(&secured, &transaction).await,
        Err(InvalidTransaction::Payee) => {
            page(&site, &secured.visitor, amount, payee, Some(("payee", "Enter who is to be paid.")))
        }
        _ => {
            let refused = Some(("amount", "Enter an amount such as 1250.00."));
            page(&site, &secured.visitor, amount, payee, refused)
        }
    }
}

/// Pays what was confirmed and redeemed; once, by its id, however often this is called.
pub(crate) fn pay(
    host: &SiteHost,
    visitor: &Visitor,
    transaction: &Transaction,
) -> Result<Response, HostError> {
    if payer(visitor).is_none() {
        return Err(Error::from(Rejection::NotAllowed).into());
    }
    let payment = Payment {
        amount: format!("{} {}", transaction.amount(), transaction.currency()),
        payee: transaction.payee().to_owned(),
        paid_at: host.clock.now()?,
    };
    host.store.pay(transaction.id(), visitor.context.subject().id().as_str(), &payment)?;
    Ok(see_other(PATH))
}

/// `refused` is the field whose value was, and what is said of it.
fn page(
    site: &Site,
    visitor: &Visitor,
    amount: &str,
    payee: &str,
    refused: Option<(&str, &str)>,
) -> Response {
    let payments = match site.host.store.payments(visitor.context.subject().id().as_str()) {
        Ok(payments) => payments,
        Err(error) => return unavailable(&site.pages, visitor, &error.into()),
    };
    let (_, texts) = site.pages.catalogue().select([]);
    let row = |payment: &Payment| {
        format!(
            "<tr><td>{}</td><td class=\"number\">{}</td><td>{}</td></tr>",
            html_escape(&payment.payee),
            html_escape(&payment.amount),
            html_escape(&texts.date_and_time(payment.paid_at))
        )
    };
    let list = match payments.is_empty() {
        true => "<p class=\"quiet\">Nothing was paid yet.</p>".to_owned(),
        false => format!(
            "<div class=\"scroll\"><table><thead><tr><th scope=\"col\">Payee</th>\
             <th scope=\"col\" class=\"number\">Amount</th><th scope=\"col\">When</th></tr></thead><tbody>{}</tbody></table></div>",
            payments.iter().map(row).collect::<String>()
        ),
    };
    let told = |field| match refused {
        Some((name, _)) if name == field => " aria-invalid=\"true\" aria-describedby=\"alert\" autofocus",
        _ => "",
    };
    let main = format!(
        "<form method=\"post\" action=\"{PATH}\"><input type=\"hidden\" name=\"csrf\" value=\"{csrf}\">\
         <div class=\"field\"><label for=\"amount\">Amount in {CURRENCY}</label>\
         <input type=\"text\" id=\"amount\" name=\"amount\" inputmode=\"decimal\" autocomplete=\"off\" required \
         value=\"{amount}\"{amount_told}></div>\
         <div class=\"field\"><label for=\"payee\">Payee</label>\
         <input type=\"text\" id=\"payee\" name=\"payee\" autocomplete=\"off\" maxlength=\"140\" required \
         value=\"{payee}\"{payee_told}></div>\
         <button type=\"submit\">Disburse</button></form>\
         <section class=\"block\" aria-labelledby=\"paid\"><h2 id=\"paid\">Paid</h2>{list}</section>\
         <p class=\"links\"><a href=\"{HOME}\">Home</a></p>",
        csrf = html_escape(&visitor.csrf),
        amount = html_escape(amount),
        payee = html_escape(payee),
        amount_told = told("amount"),
        payee_told = told("payee"),
    );
    let layout = site.layout("Payments");
    match refused {
        Some((_, sentence)) => layout.status(StatusCode::UNPROCESSABLE_ENTITY).alert(sentence).respond(&main),
        None => layout.respond(&main),
    }
}

fn payer(visitor: &Visitor) -> Option<&'static Account> {
    account_of(visitor).filter(|account| account.is_payments_user())
}

pub(super) fn forbidden(pages: &Pages, visitor: &Visitor) -> Response {
    pages.refuse_to(visitor, &axum::http::HeaderMap::new(), Refusal::Forbidden)
}

pub(super) fn unavailable(pages: &Pages, visitor: &Visitor, error: &HostError) -> Response {
    crate::complain(&**error);
    pages.refuse_to(visitor, &axum::http::HeaderMap::new(), Refusal::Unavailable { is_transient: true })
}
