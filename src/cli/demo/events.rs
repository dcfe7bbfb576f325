//! The messages that arrive in the demo: ordinary ones, urgent ones, and one of a robot.

use crate::provider::sandbox::Speaks;

/// A message that arrives.
pub(super) struct DemoEvent {
    /// The source it comes in by.
    pub source: &'static str,
    /// Whose webhook it is.
    pub speaks: Speaks,
    /// The conversation.
    pub conversation: &'static str,
    /// The sender.
    pub name: &'static str,
    /// The sender's address; empty for a telephone.
    pub email: &'static str,
    /// The sender's number; empty for mail.
    pub phone: &'static str,
    /// The subject; empty for none.
    pub subject: &'static str,
    /// What is said.
    pub text: &'static str,
}

/// In the order they arrive.
pub(super) const EVENTS: &[DemoEvent] = &[
    DemoEvent {
        source: "shop",
        speaks: Speaks::Sequenzy,
        conversation: "conv_refund",
        name: "Ann Smith",
        email: "ann@example.org",
        phone: "",
        subject: "Order #48213",
        text: "Hello, I would like a refund for this order please.",
    },
    DemoEvent {
        source: "desk",
        speaks: Speaks::Fernand,
        conversation: "1001",
        name: "Ben Okoro",
        email: "ben@example.org",
        phone: "",
        subject: "Delivery",
        text: "Where is my order? It should have come on Monday.",
    },
    DemoEvent {
        source: "crm",
        speaks: Speaks::HighLevel,
        conversation: "crmHours",
        name: "Kim Park",
        email: "",
        phone: "+15550142",
        subject: "",
        text: "When are you open?",
    },
    DemoEvent {
        source: "clinic",
        speaks: Speaks::Spruce,
        conversation: "t_urgent",
        name: "Pat Green",
        email: "",
        phone: "+15550100",
        subject: "",
        text: "I have chest pain since this morning, it is urgent",
    },
    DemoEvent {
        source: "shop",
        speaks: Speaks::Sequenzy,
        conversation: "conv_robot",
        name: "Parcel Service",
        email: "no-reply@parcels.example",
        phone: "",
        subject: "Your parcel",
        text: "Your parcel has been shipped. Ask for a refund within 30 days.",
    },
    DemoEvent {
        source: "shop",
        speaks: Speaks::Sequenzy,
        conversation: "conv_lawyer",
        name: "Jane Roe",
        email: "jane@law.example",
        phone: "",
        subject: "Order #50001",
        text: "My client demands a refund.",
    },
    DemoEvent {
        source: "crm",
        speaks: Speaks::HighLevel,
        conversation: "crmInvoice",
        name: "Lu Chen",
        email: "lu@example.org",
        phone: "",
        subject: "Invoice",
        text: "I was charged twice, can you send me the invoice?",
    },
];
