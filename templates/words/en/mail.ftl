# Mail that comes in, letters that go out, and the pages that show both.

mail-unknown-sender = unknown sender
mail-no-subject = (no subject)
mail-no-text = (no text)
mail-unreadable-title = Unreadable mail

letter-footer-promise = Next update promised by { $at }
letter-footer-ticket = Ticket { $key }
letter-footer-house = { $house }, sent by Watchkeeper

letter-received-subject = We have your message
letter-received-body =
    Your message arrived and is ticket { $key }. Somebody will look at it.

    To add something, reply to this mail and keep its subject.
letter-reply-subject = { $title }
letter-reply-body = { $from } wrote:
letter-update-subject = Update: { $title }
letter-update-body = { $from } wrote:
letter-customer-wrote-subject = { $from } wrote: { $title }
letter-customer-wrote-body = { $from } wrote on { $key } "{ $title }":
letter-customer-wrote-action = Open the ticket
letter-customer-reopened-subject = Open again: { $title }
letter-customer-reopened-body = { $from } wrote on { $key } "{ $title }", which was resolved. It is open again.
letter-customer-reopened-action = Open the ticket
letter-join-request-subject = Somebody else writes about: { $title }
letter-join-request-body =
    { $from } sent a mail that points to { $key } "{ $title }", but isn't known to it.

    Accept or refuse it beside the ticket. Unanswered, it becomes a ticket of its own after 30 minutes.
letter-join-request-action = Look at it
letter-assigned-subject = Yours now: { $title }
letter-assigned-body = { $from } gave you { $key } "{ $title }".
letter-assigned-action = Open the ticket
letter-handed-over-subject = Handed to you: { $title }
letter-handed-over-body = { $from } handed { $key } "{ $title }" over to you, with this note:
letter-handed-over-action = Open the ticket
letter-page-subject = { $severity }: { $title }
letter-page-body =
    You are paged for { $key }.

    { $severity }: { $title }
letter-page-action = Acknowledge
letter-test-subject = Test page
letter-test-body =
    This is the test page that you asked for.

    If it reached you where a page must reach you, confirm it.
letter-test-action = I have seen it
letter-notice-subject = { $title }
letter-notice-body = There is news on { $key } "{ $title }".
letter-notice-action = Open the ticket
letter-invitation-subject = Post-mortem meeting: { $title }
letter-invitation-body = You are invited to talk about { $key } "{ $title }". The calendar entry is attached.
letter-invitation-action = Open the ticket
letter-report-subject = Outage report: { $title }
letter-report-body = Here is our report on { $key } "{ $title }".
letter-account-subject = Your account at { $house }
letter-account-body = Hello { $name }, this link is for your account at { $house }.
letter-account-action = Open the link
letter-invite-subject = Your account at { $house }
letter-invite-body =
    Hello { $name }, an account was made for you at { $house }.

    Choose a password with this link. It works once, until { $expires_at }.
letter-invite-action = Choose a password
letter-reset-subject = A new password for { $house }
letter-reset-body =
    Hello { $name }, somebody asked for a new password for your account at { $house }.

    If it was you, use this link. It works once, until { $expires_at }. If it wasn't, do nothing: your password stays as it is.
letter-reset-action = Choose a new password
letter-set-up-subject = Set up { $house }
letter-set-up-body = This link sets up your Watchkeeper. It works once, until { $expires_at }.
letter-set-up-action = Set it up
