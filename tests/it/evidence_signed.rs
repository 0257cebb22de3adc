//! Evidence that is signed: verified with nothing but OpenSSH.

use std::path::Path;
use std::process::Command;

use crate::both_databases;
use crate::deploy::a_house;
use crate::evidence::{asked, database, done, evidence, unpacked};

both_databases!(
    a_signed_export_is_verified_by_whoever_has_openssh_and_a_changed_one_is_not,
    |desk| {
        a_house(&desk);
        let database = database(&desk);
        let out = tempfile::tempdir().unwrap();
        let key = |name: &str, passphrase: &str| {
            let path = out.path().join(name);
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-C", "", "-N", passphrase, "-f"])
                .arg(&path)
                .output()
                .expect("ssh-keygen runs (Debian's package `openssh-client`)");
            done(&made);
            path
        };
        let (mine, other) = (key("mine", ""), key("other", ""));
        let text = |path: &Path| path.display().to_string();
        let folder = out.path().join("june");
        done(&evidence(&database, &folder, &["--sign-key", &text(&mine)]));
        let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
        // The list is of all files but itself and its signature.
        let manifest = String::from_utf8(read("manifest.sha256")).unwrap();
        assert!(!manifest.contains(".sig"), "{manifest}");
        let page = String::from_utf8(read("index.html")).unwrap();
        assert!(page.contains("ssh-keygen -Y verify"), "{page}");

        let signers = |key: &Path| {
            let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
            let place = out.path().join("signers");
            std::fs::write(&place, format!("ops@example.org {public}")).unwrap();
        };
        let verified = |folder: &Path, namespace: &str| {
            Command::new("ssh-keygen")
                .args([
                    "-Y",
                    "verify",
                    "-I",
                    "ops@example.org",
                    "-n",
                    namespace,
                    "-f",
                ])
                .arg(out.path().join("signers"))
                .args(["-s", "manifest.sha256.sig"])
                .stdin(std::fs::File::open(folder.join("manifest.sha256")).unwrap())
                .current_dir(folder)
                .output()
                .unwrap()
                .status
                .success()
        };
        signers(&mine);
        assert!(verified(&folder, "watchkeeper-evidence"));
        assert!(
            !verified(&folder, "file"),
            "it is a signature of nothing else"
        );
        std::fs::write(
            folder.join("manifest.sha256"),
            manifest.replacen('0', "1", 1),
        )
        .unwrap();
        assert!(
            !verified(&folder, "watchkeeper-evidence"),
            "somebody changed the list"
        );
        std::fs::write(folder.join("manifest.sha256"), &manifest).unwrap();
        signers(&other);
        assert!(
            !verified(&folder, "watchkeeper-evidence"),
            "somebody else's key"
        );

        // In an archive too; and where it can't be signed nothing is written.
        signers(&mine);
        let archive = out.path().join("june.tar");
        done(&evidence(
            &database,
            &archive,
            &["--sign-key", &text(&mine)],
        ));
        let unpacked_to = out.path().join("unpacked");
        unpacked(&archive, &unpacked_to);
        assert!(verified(&unpacked_to, "watchkeeper-evidence"));
        let missing = out.path().join("none");
        let refused = evidence(
            &database,
            &out.path().join("no"),
            &["--sign-key", &text(&missing)],
        );
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(
            !refused.status.success() && said.contains("doesn't sign"),
            "{said}"
        );
        let alone = asked(&database, &out.path().join("no"))
            .arg("--sign-key")
            .arg(&mine)
            .env("PATH", out.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&alone.stderr);
        assert!(
            !alone.status.success() && said.contains("`ssh-keygen`"),
            "{said}"
        );
        assert!(!out.path().join("no").exists());
    }
);
