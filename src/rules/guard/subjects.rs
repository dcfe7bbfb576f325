//! How the subjects of automatic replies begin.

/// By language, in lower case. Sources: what Microsoft Exchange and Outlook put before the subject of an automatic reply in
/// the language of the mailbox, and before 2010 (`Out of Office:`); the default subjects of Gmail, Dovecot's Sieve
/// (`Auto:`, RFC 5230 §4.3), Lotus Notes, GroupWise, cPanel and Zimbra; freescout#513.
pub(super) const SUBJECTS: &[(&str, &[&str])] = &[
    (
        "en",
        &[
            "automatic reply",
            "automated reply",
            "automatic response",
            "auto reply",
            "auto-reply",
            "autoreply",
            "auto response",
            "auto-response",
            "autoresponse",
            "auto:",
            "out of office",
            "out of the office",
            "out-of-office",
            "ooo:",
            "vacation reply",
            "vacation response",
            "on vacation",
            "away from my mail",
            "away from the office",
            "absence notification",
        ],
    ),
    (
        "de",
        &[
            "automatische antwort",
            "automatische rückantwort",
            "automatische e-mail",
            "abwesenheit",
            "abwesend",
            "autoantwort",
            "auto-antwort",
            "außer haus",
            "ausser haus",
            "nicht im büro",
        ],
    ),
    (
        "fr",
        &["réponse automatique", "reponse automatique", "absence du bureau", "message d'absence", "absent du bureau"],
    ),
    ("es", &["respuesta automática", "respuesta automatica", "fuera de la oficina", "fuera de oficina", "ausente"]),
    (
        "pt",
        &[
            "resposta automática",
            "resposta automatica",
            "fora do escritório",
            "ausência temporária",
            "ausente do escritório",
        ],
    ),
    ("it", &["risposta automatica", "fuori sede", "fuori ufficio", "assenza dall'ufficio"]),
    ("ca", &["resposta automàtica"]),
    ("nl", &["automatisch antwoord", "automatische reactie", "afwezigheid", "afwezig", "niet aanwezig"]),
    ("sv", &["automatiskt svar", "autosvar", "frånvaro", "ej på kontoret"]),
    ("da", &["automatisk svar", "autosvar", "fravær", "ikke til stede"]),
    ("nb", &["automatisk svar", "autosvar", "fraværende", "ikke til stede"]),
    ("fi", &["automaattinen vastaus", "poissa", "poissaolo"]),
    ("pl", &["automatyczna odpowiedź", "odpowiedź automatyczna", "autoodpowiedź", "nieobecność", "poza biurem"]),
    ("cs", &["automatická odpověď", "automaticka odpoved", "mimo kancelář", "nepřítomnost"]),
    ("sk", &["automatická odpoveď", "mimo kancelárie", "neprítomnosť"]),
    ("hu", &["automatikus válasz", "házon kívül", "nem vagyok az irodában"]),
    ("ro", &["răspuns automat", "raspuns automat"]),
    ("hr", &["automatski odgovor"]),
    ("sl", &["samodejni odgovor"]),
    ("bg", &["автоматичен отговор"]),
    ("ru", &["автоматический ответ", "автоответ", "нет на месте", "вне офиса"]),
    ("uk", &["автоматична відповідь", "автовідповідь"]),
    ("el", &["αυτόματη απάντηση", "εκτός γραφείου"]),
    ("tr", &["otomatik yanıt", "otomatik yanit", "otomatik cevap", "ofis dışında"]),
    ("et", &["automaatvastus", "automaatne vastus"]),
    ("lv", &["automātiska atbilde", "automātiskā atbilde"]),
    ("lt", &["automatinis atsakymas"]),
    ("he", &["תשובה אוטומטית", "מענה אוטומטי"]),
    ("ar", &["رد تلقائي"]),
    ("hi", &["स्वचालित उत्तर"]),
    ("th", &["ตอบกลับอัตโนมัติ", "การตอบกลับอัตโนมัติ"]),
    ("vi", &["trả lời tự động"]),
    ("id", &["balasan otomatis"]),
    ("ja", &["自動応答", "自動返信", "不在通知", "不在のお知らせ"]),
    ("ko", &["자동 회신", "자동 응답", "부재중"]),
    ("zh", &["自动答复", "自动回复", "自動回覆", "自動回復", "外出通知"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_beginning_is_written_as_it_is_compared() {
        for (language, starts) in SUBJECTS {
            for start in *starts {
                assert_eq!(*start, start.trim().to_lowercase(), "{language}");
            }
        }
    }
}
