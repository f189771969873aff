"use strict";

const { spawn } = require("node:child_process");
const path = require("node:path");
const readline = require("node:readline");

/** Starts `fastness dev` and resolves once it can be used. */
async function start({ seed, region, binary = process.env.FASTNESS_BINARY ?? "fastness" } = {}) {
  const options = ["dev", "--json"];
  if (seed) options.push("--seed", seed);
  if (region) options.push("--region", region);
  const child = spawn(binary, options, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("close", resolve));
  const lines = readline.createInterface({ input: child.stdout });
  const facts = await new Promise((resolve, reject) => {
    lines.once("line", (line) => resolve(JSON.parse(line)));
    child.once("error", reject);
    child.once("close", (status) => reject(new Error(`\`fastness dev\` ended with status ${status}: see above`)));
  });
  // A test run that ends without stop() takes the deployment with it.
  const onExit = () => child.kill();
  process.once("exit", onExit);

  const credentials = ({ accessKeyId, secretAccessKey }) => ({ accessKeyId, secretAccessKey });
  return {
    endpoint: facts.endpoint,
    account: facts.account,
    region: facts.region,
    data: facts.data,
    keys: facts.keys,
    /** What a client of the AWS SDK takes, as the root user or a user of the seed. */
    client(user) {
      const key = user === undefined ? facts : facts.users[user];
      if (!key) throw new Error(`the seed has no user ${user}`);
      return { endpoint: facts.endpoint, region: facts.region, credentials: credentials(key) };
    },
    /** What clients read from their environment to be the root user here. */
    environment() {
      return {
        AWS_ENDPOINT_URL: facts.endpoint,
        AWS_ACCESS_KEY_ID: facts.accessKeyId,
        AWS_SECRET_ACCESS_KEY: facts.secretAccessKey,
        AWS_REGION: facts.region,
        AWS_DEFAULT_REGION: facts.region,
        AWS_SHARED_CREDENTIALS_FILE: facts.credentialsFile,
        AWS_CONFIG_FILE: path.join(path.dirname(facts.credentialsFile), "config"),
        AWS_EC2_METADATA_DISABLED: "true",
        FASTNESS_DATA: facts.data,
      };
    },
    /** Stops it; its data goes with it. */
    async stop() {
      process.removeListener("exit", onExit);
      child.kill();
      await ended;
    },
  };
}

module.exports = { start };
