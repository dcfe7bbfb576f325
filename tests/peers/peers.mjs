// The senders' own libraries, which sign for rejoinder and judge what it signs; asked by tests/it/peers.rs.
// A JSON list of tasks comes in on standard input, and a list of answers goes out, in the same order:
//
//   { do: "keys", peer }                              { private, public }  what sender and receiver are given
//   { do: "sign", peer, key, body, id, at, url }      { headers, body, query }
//   { do: "verify", peer, key, body, headers, url }   { accepted, why }
//
// Where a library verifies only, the signature is made here after the sender's documentation; the test has the library
// verify it before anybody else sees it.

import { createHmac, generateKeyPairSync, randomBytes, sign as signature } from "node:crypto";

import { LinearWebhookClient } from "@linear/sdk/webhooks";
import * as octokit from "@octokit/webhooks-methods";
import sendgrid from "@sendgrid/eventwebhook";
import slack from "@slack/bolt";
import discord from "discord-interactions";
import { Webhook as StandardWebhook } from "standardwebhooks";
import Stripe from "stripe";
import { Webhook as SvixWebhook } from "svix";
import twilio from "twilio/lib/webhooks/webhooks.js";

const shared = (secret) => ({ private: secret, public: secret });
const word = () => shared(randomBytes(20).toString("hex"));
const whsec = () => shared(`whsec_${randomBytes(24).toString("base64")}`);
const hmac = (hash, key, text, encoding) => createHmac(hash, key).update(text).digest(encoding);
const pem = (key) => key.export({ type: "pkcs8", format: "pem" });

/** Standard Webhooks, in headers that begin with `prefix`. */
const standard = (Webhook, prefix) => ({
  keys: whsec,
  sign: ({ key, body, id, at }) => ({
    [`${prefix}-id`]: id,
    [`${prefix}-timestamp`]: String(at),
    [`${prefix}-signature`]: new Webhook(key).sign(id, new Date(at * 1000), body),
  }),
  verify: ({ key, body, headers }) => Boolean(new Webhook(key).verify(body, headers)),
});

/** A form's fields, each with one value or a list. */
const fields = (form) => {
  const names = [...new Set(form.keys())];
  return Object.fromEntries(names.map((name) => [name, form.getAll(name)]));
};

/** The fields of a JSON object as a form. */
const form = (json) => {
  const pairs = Object.entries(JSON.parse(json)).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  return new URLSearchParams(pairs);
};

const hashed = (url, body) => `${url}?bodySHA256=${twilio.getExpectedBodyHash(body)}`;

const peers = {
  "standard-webhooks": standard(StandardWebhook, "webhook"),
  svix: standard(SvixWebhook, "svix"),

  github: {
    keys: word,
    sign: async ({ key, body }) => ({ "x-hub-signature-256": await octokit.sign(key, body) }),
    verify: ({ key, body, headers }) => octokit.verify(key, body, headers["x-hub-signature-256"]),
  },

  stripe: {
    keys: whsec,
    sign: ({ key, body, at }) => ({
      "stripe-signature": Stripe.webhooks.generateTestHeaderString({ payload: body, secret: key, timestamp: at }),
    }),
    verify: ({ key, body, headers }) => Boolean(Stripe.webhooks.constructEvent(body, headers["stripe-signature"], key)),
  },

  slack: {
    keys: word,
    sign: ({ key, body, at }) => ({
      "x-slack-request-timestamp": String(at),
      "x-slack-signature": `v0=${hmac("sha256", key, `v0:${at}:${body}`, "hex")}`,
    }),
    verify: ({ key, body, headers }) => slack.isValidSlackRequest({ signingSecret: key, body, headers }),
  },

  twilio: {
    keys: word,
    sign: ({ key, body, url }) => ({
      "content-type": "application/json",
      "x-twilio-signature": twilio.getExpectedTwilioSignature(key, hashed(url, body), {}),
    }),
    query: ({ body }) => new URL(hashed("https://x.example/", body)).search,
    verify: ({ key, body, headers, url }) =>
      twilio.validateRequestWithBody(key, headers["x-twilio-signature"], hashed(url, body), body),
  },

  "twilio-form": {
    keys: word,
    body: ({ body }) => form(body).toString(),
    sign: ({ key, body, url }) => ({
      "content-type": "application/x-www-form-urlencoded",
      "x-twilio-signature": twilio.getExpectedTwilioSignature(key, url, fields(form(body))),
    }),
    verify: ({ key, body, headers, url }) =>
      twilio.validateRequest(key, headers["x-twilio-signature"], url, fields(new URLSearchParams(body))),
  },

  discord: {
    keys: () => {
      const { privateKey, publicKey } = generateKeyPairSync("ed25519");
      const raw = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url");
      return { private: pem(privateKey), public: raw.toString("hex") };
    },
    sign: ({ key, body, at }) => ({
      "x-signature-ed25519": signature(null, Buffer.from(`${at}${body}`), key).toString("hex"),
      "x-signature-timestamp": String(at),
    }),
    verify: ({ key, body, headers }) =>
      discord.verifyKey(body, headers["x-signature-ed25519"], headers["x-signature-timestamp"], key),
  },

  sendgrid: {
    keys: () => {
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
      return { private: pem(privateKey), public: publicKey.export({ type: "spki", format: "der" }).toString("base64") };
    },
    sign: ({ key, body, at }) => ({
      "x-twilio-email-event-webhook-signature": signature("sha256", Buffer.from(`${at}${body}`), key).toString("base64"),
      "x-twilio-email-event-webhook-timestamp": String(at),
    }),
    verify: ({ key, body, headers }) => {
      const webhook = new sendgrid.EventWebhook();
      const [mark, time] = ["signature", "timestamp"].map((part) => headers[`x-twilio-email-event-webhook-${part}`]);
      return webhook.verifySignature(webhook.convertPublicKeyToECDSA(key), body, mark, time);
    },
  },

  linear: {
    keys: word,
    sign: ({ key, body }) => ({ "linear-signature": hmac("sha256", key, body, "hex") }),
    verify: ({ key, body, headers }) => new LinearWebhookClient(key).verify(Buffer.from(body), headers["linear-signature"]),
  },
};

const tasks = {
  keys: (peer) => peer.keys(),
  sign: async (peer, task) => ({
    headers: await peer.sign(task),
    body: peer.body?.(task) ?? task.body,
    query: peer.query?.(task) ?? "",
  }),
  // A library says no by `false` or by throwing.
  verify: async (peer, task) => {
    try {
      return { accepted: (await peer.verify(task)) === true };
    } catch (why) {
      return { accepted: false, why: String(why) };
    }
  },
};

let input = "";
for await (const piece of process.stdin.setEncoding("utf8")) {
  input += piece;
}
const answers = [];
for (const task of JSON.parse(input)) {
  answers.push(await tasks[task.do](peers[task.peer], task));
}
process.stdout.write(JSON.stringify(answers));
