//! What is known of a mail's signature: each outcome by its own word, shown at the mail and on the timeline. None of them hides the
//! text: who reads it decides what it is worth.

use super::letter::Remark;

/// A checked signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Whose certificate it is: their address, else their name; "" if it couldn't be read. Said by whoever issued it.
    pub signer: String,
    /// The outcomes, the most important first; never empty.
    pub outcomes: Vec<Remark>,
}

impl Checked {
    /// Nobody can be named.
    pub fn nameless(outcome: Remark) -> Self {
        Self {
            signer: String::new(),
            outcomes: vec![outcome],
        }
    }

    /// Whether the text is as it was signed, whatever is to be said about the signer.
    pub fn is_intact(&self) -> bool {
        self.outcomes
            .iter()
            .any(|it| matches!(it, Remark::SignatureValid | Remark::SignatureIntact))
    }
}

/// Whether a remark is about a signature.
pub const fn is_outcome(remark: Remark) -> bool {
    match remark {
        Remark::SignatureUnchecked
        | Remark::SignatureValid
        | Remark::SignatureIntact
        | Remark::SignatureBroken
        | Remark::SignatureUnreadable
        | Remark::SignatureAlgorithm
        | Remark::SignaturePartial
        | Remark::SignerNotSender
        | Remark::SignerMissing
        | Remark::CertificateExpired
        | Remark::CertificateNotYetValid
        | Remark::CertificateUnfit
        | Remark::ChainUntrusted
        | Remark::ChainExpired
        | Remark::ChainUnchecked => true,
        Remark::Unreadable
        | Remark::ReaderFailed
        | Remark::OverLimits
        | Remark::PartsLeftOut
        | Remark::TextCut
        | Remark::CharsetGuessed
        | Remark::BrokenEncoding
        | Remark::TextFromHtml
        | Remark::Encrypted
        | Remark::Executable => false,
    }
}
