"""Parameter Store with Terraform, where it and the AWS provider are at hand."""

import json

from test_terraform import QUICKLY, Terraform, at_hand

IMPORTS = {
    "aws_ssm_parameter.plain": "/terraform/plain",
    "aws_ssm_parameter.list": "terraform-list",
    "aws_ssm_parameter.secret": "/terraform/secret",
}


@at_hand
def test_parameters_are_applied_planned_imported_and_destroyed(root, tmp_path):
    terraform = Terraform(tmp_path, root, "ssm/main.tf")
    terraform("apply", *QUICKLY)
    seen = json.loads(terraform("output", "-json"))["seen"]["value"]
    assert seen == {"secret": "attack at dawn", "names": ["/terraform/plain", "/terraform/secret"]}
    setting = root.ssm.get_service_setting(SettingId="/ssm/parameter-store/high-throughput-enabled")["ServiceSetting"]
    assert (setting["SettingValue"], setting["Status"]) == ("true", "Customized")
    # Exit status 2 would tell that something is to be changed.
    terraform("plan", "-detailed-exitcode")
    terraform("state", "rm", *IMPORTS)
    blocks = [f'import {{\n  to = {address}\n  id = "{name}"\n}}\n' for address, name in IMPORTS.items()]
    (tmp_path / "imports.tf").write_text("".join(blocks))
    done = terraform("apply", *QUICKLY)
    assert "3 imported, 0 added" in done and "0 destroyed" in done, done[-3000:]
    terraform("destroy", *QUICKLY)
    assert root.ssm.describe_parameters()["Parameters"] == []
