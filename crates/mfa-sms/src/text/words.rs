//! The words of each language.
//!
//! Latin texts keep to the letters of GSM-7, which has `é è à ì ò ù ä ö ü ñ ß` and neither `á í ó ú` nor `ç ê î ô`: one
//! other letter makes a text of 70 characters out of one of 160. A test holds the line.

use super::Language;

/// One language. `{brand}`, `{code}`, `{amount}` and `{payee}` are filled in.
pub(super) struct Words {
    pub(super) sign_in: &'static str,
    pub(super) enrollment: &'static str,
    pub(super) step_up: &'static str,
    pub(super) management: &'static str,
    pub(super) payment: &'static str,
    /// Follows each of them.
    pub(super) warning: &'static str,
    /// To a number that was taken from an account. It has no code.
    pub(super) removed: &'static str,
}

pub(super) const fn of(language: Language) -> &'static Words {
    match language {
        Language::English => &ENGLISH,
        Language::Spanish => &SPANISH,
        Language::French => &FRENCH,
        Language::German => &GERMAN,
        Language::Italian => &ITALIAN,
        Language::TraditionalChinese => &TRADITIONAL_CHINESE,
    }
}

const ENGLISH: Words = Words {
    sign_in: "{brand}: {code} is your sign-in code.",
    enrollment: "{brand}: {code} is the code to add this phone.",
    step_up: "{brand}: {code} is the code to confirm it is you.",
    management: "{brand}: {code} is the code to change your security settings.",
    payment: "{brand}: {code} confirms paying {amount} to {payee}.",
    warning: " Never share this code.",
    removed: "{brand}: this phone no longer gets codes for your account. If this was not you, contact us at once.",
};

const SPANISH: Words = Words {
    sign_in: "{brand}: {code} es la clave para entrar en su cuenta.",
    enrollment: "{brand}: {code} es la clave para añadir este teléfono.",
    step_up: "{brand}: {code} es la clave para confirmar su identidad.",
    management: "{brand}: {code} es la clave para cambiar sus ajustes de seguridad.",
    payment: "{brand}: {code} confirma el pago de {amount} a {payee}.",
    warning: " No comparta esta clave con nadie.",
    removed: "{brand}: este teléfono ya no recibe claves de su cuenta. Si no ha sido usted, contacte con nosotros de inmediato.",
};

const FRENCH: Words = Words {
    sign_in: "{brand} : {code} est votre code de connexion.",
    enrollment: "{brand} : {code} est le code pour ajouter ce téléphone.",
    step_up: "{brand} : {code} est le code pour confirmer votre identité.",
    management: "{brand} : {code} est le code pour modifier vos réglages de sécurité.",
    payment: "{brand} : {code} confirme le paiement de {amount} à {payee}.",
    warning: " Ne communiquez ce code à personne.",
    removed: "{brand} : ce téléphone ne sert plus aux codes de votre compte. Si ce n'est pas vous, contactez-nous tout de suite.",
};

const GERMAN: Words = Words {
    sign_in: "{brand}: {code} ist Ihr Code zum Anmelden.",
    enrollment: "{brand}: {code} ist der Code, um dieses Telefon hinzuzufügen.",
    step_up: "{brand}: {code} ist der Code, um Ihre Identität zu bestätigen.",
    management: "{brand}: {code} ist der Code, um Ihre Sicherheitseinstellungen zu ändern.",
    payment: "{brand}: {code} bestätigt die Zahlung von {amount} an {payee}.",
    warning: " Geben Sie diesen Code nie weiter.",
    removed: "{brand}: Dieses Telefon erhält keine Codes mehr für Ihr Konto. Waren Sie das nicht, melden Sie sich sofort bei uns.",
};

const ITALIAN: Words = Words {
    sign_in: "{brand}: {code} è il codice per accedere.",
    enrollment: "{brand}: {code} è il codice per aggiungere questo telefono.",
    step_up: "{brand}: {code} è il codice per confermare la sua identità.",
    management: "{brand}: {code} è il codice per cambiare le impostazioni di sicurezza.",
    payment: "{brand}: {code} conferma il pagamento di {amount} a {payee}.",
    warning: " Non comunichi a nessuno questo codice.",
    removed: "{brand}: questo telefono non riceve più codici per il suo account. Se non è stato lei, ci contatti subito.",
};

const TRADITIONAL_CHINESE: Words = Words {
    sign_in: "{brand}：登入驗證碼 {code}。",
    enrollment: "{brand}：新增此手機的驗證碼 {code}。",
    step_up: "{brand}：確認身分的驗證碼 {code}。",
    management: "{brand}：變更安全設定的驗證碼 {code}。",
    payment: "{brand}：驗證碼 {code}，確認付款 {amount} 給 {payee}。",
    warning: "請勿將驗證碼告訴任何人。",
    removed: "{brand}：此手機不再接收您帳號的驗證碼。若非您本人操作，請立即與我們聯絡。",
};
