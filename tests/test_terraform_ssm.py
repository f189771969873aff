"""Parameter Store with Terraform, where it and the AWS provider are at hand."""

import json
import pathlib
import shutil

import pytest
from test_terraform import MIRROR, PROVIDER, QUICKLY, Terraform, mirror

MAIN = pathlib.Path(__file__).parent / "terraform" / "ssm" / "main.tf"
IMPORTS = {
    "aws_ssm_parameter.plain": "/terraform/plain",
    "aws_ssm_parameter.list": "terraform-list",
    "aws_ssm_parameter.secret": "/terraform/secret",
}


@pytest.mark.skipif(not shutil.which("terraform"), reason="left out: there is no `terraform`")
@pytest.mark.skipif(not mirror(), reason=f"left out: no mirror of {PROVIDER}; {MIRROR} can name one")
def test_parameters_are_applied_planned_imported_and_destroyed(root, tmp_path):
    terraform = Terraform(tmp_path, root, MAIN)
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
