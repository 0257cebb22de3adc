# Briefe an Kunden, deren Sprache Deutsch ist. Was hier fehlt, steht auf Englisch.

catalogue-language = de
time-full = %d.%m.%Y %H:%M %Z

severity-disaster = Katastrophe
severity-high = Hoch
severity-average = Mittel
severity-warning = Warnung
severity-information = Information

letter-footer-promise = Nächste Nachricht spätestens { $at }
letter-footer-promise-own = Nächste Nachricht spätestens { $at } (Ihre Zeit)
letter-footer-ticket = Vorgang { $key }
letter-footer-incident-ticket = Störung { $key }
letter-footer-change-ticket = Änderung { $key }
letter-footer-task-ticket = Aufgabe { $key }
letter-footer-post-mortem-ticket = Nachbetrachtung { $key }
letter-footer-answers = Antworten an { $address } werden dazu abgelegt.
letter-large-file = { $name }, { $size } MB, zu groß für eine Mail; dieser Link gilt bis { $until }
letter-footer-house = { $house }, gesendet von Watchkeeper

letter-received-subject = Ihre Nachricht ist da
letter-received-body =
    Ihre Nachricht ist angekommen und hat die Nummer { $key }. Wir sehen sie uns an.

    Wenn Sie etwas ergänzen wollen, antworten Sie auf diese Mail und lassen Sie den Betreff stehen.
letter-received-incident-body =
    Ihre Nachricht ist angekommen und ist Störung { $key }. Wir sehen sie uns an.

    Wenn Sie etwas ergänzen wollen, antworten Sie auf diese Mail und lassen Sie den Betreff stehen.
letter-received-change-subject = Ihr Änderungswunsch ist da
letter-received-change-body =
    Ihre Nachricht ist angekommen und ist Änderung { $key }. Sie wird geplant und freigegeben, bevor wir etwas anfassen.

    Wenn Sie etwas ergänzen wollen, antworten Sie auf diese Mail und lassen Sie den Betreff stehen.
letter-received-task-body =
    Ihre Nachricht ist angekommen und ist Aufgabe { $key }. Wir erledigen sie, sobald sie an der Reihe ist.

    Wenn Sie etwas ergänzen wollen, antworten Sie auf diese Mail und lassen Sie den Betreff stehen.
letter-reply-subject = { $title }
letter-reply-body = { $from } schreibt:
letter-update-subject = Neuer Stand: { $title }
letter-update-change-subject = Neuer Stand zur Änderung: { $title }
letter-update-body = { $from } schreibt:
letter-report-subject = Bericht zum Ausfall: { $title }
letter-report-body = Hier ist unser Bericht zu { $key } „{ $title }“.
letter-invitation-subject = Besprechung zur Nachbetrachtung: { $title }
letter-invitation-body = Sie sind eingeladen, über { $key } „{ $title }“ zu sprechen. Der Termin hängt an.
letter-invitation-action = Vorgang öffnen
letter-notice-subject = { $title }
letter-notice-body = Es gibt Neues zu { $key } „{ $title }“.
letter-notice-action = Vorgang öffnen
