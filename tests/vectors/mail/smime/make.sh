#!/bin/sh
# Makes the certificates and signed mails of this folder anew, with OpenSSL 3. The tests read what lies here and never run this:
# keys are thrown away at the end, so nothing here can sign anything any more.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
FROM=20150101000000Z
UNTIL=21250101000000Z

# certificate NAME SUBJECT EXTENSIONS [ISSUER [FROM UNTIL [CURVE]]]
certificate() {
    name=$1 subject=$2 extensions=$3 issuer=${4:-} from=${5:-$FROM} until=${6:-$UNTIL}
    case ${7:-rsa} in
        rsa) openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$work/$name.key" ;;
        small) openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out "$work/$name.key" ;;
        *) openssl genpkey -quiet -algorithm EC -pkeyopt "ec_paramgen_curve:$7" -out "$work/$name.key" ;;
    esac
    openssl req -new -key "$work/$name.key" -subj "$subject" -out "$work/$name.csr"
    printf '%b' "$extensions" > "$work/ext"
    mkdir -p "$work/ca-$name"
    : > "$work/ca-$name/index"
    openssl rand -hex 12 > "$work/ca-$name/serial"
    cat > "$work/ca.cnf" <<C
[ca]
default_ca = it
[it]
new_certs_dir = $work/ca-$name
database = $work/ca-$name/index
serial = $work/ca-$name/serial
default_md = sha256
policy = any
unique_subject = no
email_in_dn = yes
preserve = yes
[any]
organizationName = optional
commonName = optional
emailAddress = optional
C
    if [ -n "$issuer" ]; then
        set -- -cert "$work/$issuer.crt" -keyfile "$work/$issuer.key"
    else
        set -- -selfsign -keyfile "$work/$name.key"
    fi
    openssl ca -batch -notext -config "$work/ca.cnf" "$@" -in "$work/$name.csr" -extfile "$work/ext" \
        -startdate "$from" -enddate "$until" -out "$work/$name.crt" 2> "$work/log" || { cat "$work/log"; exit 1; }
}

CA='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n'
leaf() {
    printf 'basicConstraints=critical,CA:FALSE\\nkeyUsage=critical,digitalSignature\\nextendedKeyUsage=%s\\nsubjectAltName=email:%s\\nsubjectKeyIdentifier=hash\\n' "${2:-emailProtection}" "$1"
}

certificate root '/O=Watchkeeper test/CN=Root of the tests' "$CA"
certificate between '/O=Watchkeeper test/CN=Between' "$CA" root
certificate servers '/O=Watchkeeper test/CN=For servers only' "${CA}extendedKeyUsage=serverAuth\n" root
certificate ended '/O=Watchkeeper test/CN=Ended between' "$CA" root 20200101000000Z 20210101000000Z
certificate oldroot '/O=Watchkeeper test/CN=Root that ended' "$CA" '' 20200101000000Z 20210101000000Z
certificate stranger '/O=Somebody else/CN=Root of others' "$CA"
certificate carol '/CN=Carol' "$(leaf carol@contoso.example)" between
certificate ec '/CN=Carol' "$(leaf carol@contoso.example)" between "$FROM" "$UNTIL" P-256
certificate ec384 '/CN=Carol' "$(leaf carol@contoso.example)" between "$FROM" "$UNTIL" P-384
certificate small '/CN=Carol' "$(leaf carol@contoso.example)" between "$FROM" "$UNTIL" small
certificate bob '/CN=Bob' "$(leaf bob@contoso.example)" between
certificate late '/CN=Carol' "$(leaf carol@contoso.example)" between 20200101000000Z 20210101000000Z
certificate early '/CN=Carol' "$(leaf carol@contoso.example)" between 21000101000000Z 21010101000000Z
certificate unfit '/CN=Carol' "$(leaf carol@contoso.example serverAuth)" between
certificate viaservers '/CN=Carol' "$(leaf carol@contoso.example)" servers
certificate viaended '/CN=Carol' "$(leaf carol@contoso.example)" ended
certificate viaold '/CN=Carol' "$(leaf carol@contoso.example)" oldroot
certificate other '/CN=Carol' "$(leaf carol@contoso.example)" stranger
certificate inname '/CN=Carol/emailAddress=carol@contoso.example' 'basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\n' between

# root.pem is what `smime_ca` names.
cat "$work/root.crt" > root.pem
cat "$work/oldroot.crt" > oldroot.pem

printf 'Content-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nUplink down since noon, gr\303\274n.\r\n--in\r\nContent-Type: text/plain; name=a.log\r\nContent-Disposition: attachment; filename=a.log\r\n\r\nflat\r\n--in--\r\n' > "$work/text"

# mail NAME ARGUMENTS OF cms -sign
mail() {
    name=$1
    shift
    {
        printf 'From: Carol <carol@contoso.example>\r\nTo: support@watch.example.org\r\nSubject: Uplink\r\nMessage-ID: <%s@contoso.example>\r\nDate: Mon, 1 Jun 2026 09:00:00 +0000\r\n' "$name"
        openssl cms -sign -binary -md sha256 -in "$work/text" "$@" -outform SMIME | sed 's/\r$//; s/$/\r/'
    } > "$name.eml"
}
# by SIGNER: who signs, with the certificate between unless others are named
by() { echo "-signer $work/$1.crt -inkey $work/$1.key"; }
chain="-certfile $work/between.crt"
cat "$work/between.crt" "$work/bob.crt" "$work/root.crt" "$work/late.crt" > "$work/many.crt"

# shellcheck disable=SC2046,SC2086
{
mail detached $(by carol) $chain
mail opaque $(by carol) $chain -nodetach
mail streamed $(by carol) $chain -nodetach -stream
mail detached-sha512 $(by carol) $chain -md sha512
mail pss $(by carol) $chain -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:digest
mail pss-salt $(by carol) $chain -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:max
mail no-attributes $(by carol) $chain -noattr
mail ecdsa $(by ec) $chain
mail ecdsa-384 $(by ec384) $chain -md sha384
mail by-key-id $(by carol) -keyid -certfile "$work/many.crt"
mail several $(by carol) -certfile "$work/many.crt"
mail two-signers $(by bob) -signer "$work/carol.crt" -inkey "$work/carol.key" $chain
mail address-in-name $(by inname) $chain
mail not-sender $(by bob) $chain
mail expired $(by late) $chain
mail not-yet $(by early) $chain
mail chain-missing $(by carol)
mail stranger $(by other) -certfile "$work/stranger.crt"
mail no-certificate $(by carol) $chain -nocerts
mail unfit $(by unfit) $chain
mail via-servers $(by viaservers) -certfile "$work/servers.crt"
mail via-ended $(by viaended) -certfile "$work/ended.crt"
mail via-old $(by viaold) -certfile "$work/oldroot.crt"
mail small-key $(by small) $chain
mail sha1 $(by carol) $chain -md sha1
}
