//! Stories: what the product promises, told through the real application on both databases.

mod access_matrix;
mod accounts;
mod after;
mod after_web;
mod api;
mod cluster;
mod desk;
mod git;
mod mail;
mod mail_out;
mod migrations;
mod oncall;
mod oncall_web;
mod outage;
mod served;
mod sla;
mod tickets;
mod tidy;
mod visitor;
mod web;
