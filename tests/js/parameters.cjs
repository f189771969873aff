// Parameter Store with the AWS SDK for JavaScript. Endpoint and credentials come from the environment; what was seen goes to standard output
// as JSON, for test_ssm.py to judge.

const { SSM, paginateGetParametersByPath } = require("@aws-sdk/client-ssm");

async function main() {
  const ssm = new SSM({});
  const seen = {};
  const secret = { Name: "/js/a", Value: "correct-horse-battery-staple", Type: "SecureString" };
  seen.version = (await ssm.putParameter(secret)).Version;
  await ssm.putParameter({ Name: "/js/b", Value: "x,y", Type: "StringList" });
  seen.value = (await ssm.getParameter({ Name: "/js/a", WithDecryption: true })).Parameter.Value;
  seen.names = [];
  for await (const page of paginateGetParametersByPath({ client: ssm, pageSize: 1 }, { Path: "/js" })) {
    seen.names.push(...page.Parameters.map((parameter) => parameter.Name));
  }
  try {
    await ssm.getParameter({ Name: "/js/none" });
  } catch (error) {
    seen.refused = error.name;
  }
  process.stdout.write(JSON.stringify(seen));
}

main();
