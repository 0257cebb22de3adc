# Forges: where they have a repository, their webhooks, and how reading them goes.

forge-title = Forge
forge-lead = Without hooks on the server: the forge's webhook says that something was pushed, and it is fetched from there. What no webhook tells is found every ten minutes.
forge-place = Where the repository is
forge-kind = Forge
forge-kind-github = GitHub
forge-kind-gitlab = GitLab
forge-kind-gitea = Gitea or Forgejo
forge-kind-bitbucket-cloud = Bitbucket Cloud
forge-kind-bitbucket-dc = Bitbucket Data Center
forge-clone-url = Clone URL
forge-clone-url-hint = Such as https://github.com/team/web.git or git@github.com:team/web.git. A login doesn't belong here.
forge-clone-login = Login for fetching
forge-clone-login-hint = Only for https, and only if the repository isn't public. An account that can read is enough.
forge-clone-password = Its password or token
forge-clone-password-hint = Left empty, the one that is known stays.
forge-connect = Connect
forge-save = Save the forge
forge-remove = End the connection
forge-remove-text = The webhook is turned away then. What was recorded stays.

forge-reached = Last read
forge-next = Next look without a reason
forge-unseen = Not looked at yet; that comes within moments.
forge-failing = It can't be read since
forge-said = git says:
forge-tries = { $count ->
    [one] Tried once;
   *[other] Tried { $count } times;
} the next try is
forge-reached-last = It was last read
forge-never-reached = It was never read.
forge-look = Look now
forge-trouble-away = Its name or network address doesn't answer. Check the clone URL, and whether this server may reach it.
forge-trouble-slow = It answers too slowly, or not at all.
forge-trouble-login = It wants a login, or doesn't take this one. Check login and token: tokens expire.
forge-trouble-key = It doesn't know the SSH key of the user that Watchkeeper runs as. Add that key there as a deploy key that can read.
forge-trouble-host = Its SSH host key isn't known on this server, or has changed. Check the key, and add it to known_hosts of the user that Watchkeeper runs as.
forge-trouble-certificate = Its certificate isn't trusted on this server. Is it signed by an authority of your own? Then name that in git_ca.
forge-trouble-missing = There is no repository at this address, or this login may not see it.
forge-trouble-empty = There is a repository, but without branches and tags, and there were some before. Check the clone URL.
forge-trouble-unwell = It answers with an error of its own. Nothing has to be changed here: it is asked again.
forge-trouble-moved = It has moved: enter the new address as the clone URL.
forge-trouble-owner = The user that Watchkeeper runs as may not read that folder.
forge-trouble-other = What git says may help.

forge-webhook = Webhook
forge-webhook-url = Address of the webhook
forge-how-github = On GitHub: Settings, Webhooks, Add webhook. Payload URL is the address below, content type application/json, the secret as it was shown, "Just the push event".
forge-how-gitlab = On GitLab: Settings, Webhooks, Add new webhook. URL is the address below, the secret goes into "Secret token", triggers are push events and tag push events. If GitLab makes a signing token of its own, bring that here as the new secret.
forge-how-gitea = On Gitea or Forgejo: Settings, Webhooks, Add webhook, Gitea. Target URL is the address below, POST, application/json, the secret as it was shown; push, create and delete events.
forge-how-bitbucket-cloud = On Bitbucket: Repository settings, Webhooks, Add webhook. URL is the address below, the secret as it was shown, trigger "Repository push".
forge-how-bitbucket-dc = On Bitbucket: Repository settings, Webhooks, Create webhook. URL is the address below, the secret as it was shown, event "Repository: Push".
forge-secret = Secret of the webhook
forge-fresh = The secret for the forge's webhook:
forge-fresh-text = It is shown now and never again. An older one holds until you drop it.
forge-secret-since = The secret is from
forge-old-holds = An older secret holds too, until the forge has the new one.
forge-drop-old = Drop the old secret
forge-own-secret = A secret that the forge made
forge-own-secret-hint = Leave it empty to have one made.
forge-renew = New secret

forge-deliveries = What the webhook brought
forge-no-deliveries = Nothing yet. Push something, or use the forge's test button.
forge-received = When
forge-event = Event
forge-unread = not read
forge-verdict = Verdict
forge-pusher = By
forge-more-refs = and { $count } more
forge-verdict-waiting = waits to be looked at
forge-verdict-taken = taken
forge-verdict-ignored = ignored: not about branches or tags
forge-verdict-refused = refused
forge-doubt-unsigned = not signed. Does the webhook have the secret?
forge-doubt-wrong-signature = signed with another secret
forge-doubt-late = signed more than five minutes away from our clock

said-forge-secret-dropped = Only the new secret holds from now on.
said-forge-looked = The forge is looked at now. Reload the page in a moment.
said-forge-removed = The connection is ended.
deed-forge-connected = connected the repository with its forge
deed-forge-changed = changed the repository's forge
deed-forge-secret-renewed = made a new secret for the forge's webhook
deed-forge-secret-dropped = dropped the old secret of the forge's webhook
deed-forge-removed = ended the connection with the repository's forge
refusal-forge-old-secret-holds = The older secret still holds. Drop it first: one more would end the one that the forge may still have.
refusal-forge-no-old-secret = There is no older secret to drop.
field-not-a-clone-url = { $value } isn't taken as a clone URL. Write https://host/team/web.git, ssh://git@host/team/web.git, git@host:team/web.git or file:///srv/git/web.git.
field-clone-url-with-login = Leave login and password out of the URL; they have fields of their own.
field-login-with-colon = A login has no colon in it. The password goes into the next field.
field-login-without-https = A login counts for https only. Over SSH the key of the user that Watchkeeper runs as counts.
field-not-a-clone-password = At most 500 characters on one line.
field-clone-password-wanted = Type the password or token: none is known for this login at this host.
field-weak-secret = At least { $min } letters, digits and signs, without blanks.
