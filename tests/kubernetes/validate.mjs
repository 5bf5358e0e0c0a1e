// SPDX-License-Identifier: MIT
//
// node validate.mjs FILE...
//
// Holds each document of the files against the schema of its kind, and finds fields that the schema does not know. A line
// a finding; the last line counts the documents. Status 1: there are findings, or there is no document.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseAllDocuments } from "yaml";

const require = createRequire(import.meta.url);
let findings = 0;
let documents = 0;

// What KEDA adds is in a package of its own.
function modelOf({ apiVersion, kind }) {
  const name = apiVersion.startsWith("keda.sh/") ? "@kubernetes-models/keda" : "kubernetes-models";
  return require(`${name}/${apiVersion}/${kind}`)[kind];
}

// A validator reads each field that its schema has. What nobody has read is not in the schema, which itself lets it pass.
function watch(value, path, unread) {
  if (typeof value !== "object" || value === null) return value;
  const fields = new Map(Object.keys(value).map((key) => [key, watch(value[key], `${path}/${key}`, unread)]));
  if (!Array.isArray(value)) for (const key of fields.keys()) unread.add(`${path}/${key}`);
  return new Proxy(value, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return fields.has(key) ? fields.get(key) : Reflect.get(target, key);
    },
  });
}

// Kustomize breaks base64 into lines, which the cluster skips and the schema's format does not.
function joinSecret({ kind, data = {} }) {
  if (kind === "Secret") for (const key of Object.keys(data)) data[key] = data[key].replaceAll("\n", "");
}

function faultsOf(document) {
  joinSecret(document);
  const unread = new Set();
  try {
    const Model = modelOf(document);
    Model.prototype.validate.call(watch(new Model(document), "", unread));
  } catch (error) {
    return [error.message.split("\n")[0]];
  }
  // Below a field that is not known, nothing was read.
  const below = (path) => [...unread].some((other) => path.startsWith(`${other}/`));
  return [...unread].filter((path) => !below(path)).map((path) => `${path} is no field of it`);
}

for (const file of process.argv.slice(2)) {
  for (const parsed of parseAllDocuments(readFileSync(file, "utf8"))) {
    const document = parsed.toJS();
    const faults = parsed.errors.length ? [parsed.errors[0].message] : faultsOf(document);
    for (const fault of faults) console.log(`${file}: ${document?.kind} ${document?.metadata?.name}: ${fault}`);
    documents += 1;
    findings += faults.length;
  }
}
console.log(`${documents} documents, ${findings} findings`);
process.exit(findings || !documents ? 1 : 0);
