"""An instance as DescribeInstances tells of it, with all that a real one has."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from .machines import CODES, Instance, image
from .model import operation
from .world import World
from .xmlwire import Rendered, inside


def rendered(world: World, instance: Instance, now: float) -> Rendered:
    """Return the XML of an instance, made once for each thing that changes about it."""
    instance.state(now)
    kept = instance.kept.get("xml")
    if kept is not None and kept[0] == instance.revision:
        found: Rendered = kept[1]
        return found
    parts: list[str] = []
    inside(_shape(), instance_fields(world, instance, now), parts)
    made = Rendered("".join(parts))
    instance.kept["xml"] = (instance.revision, made)
    return made


@cache
def _shape() -> Any:
    output = operation("ec2", "DescribeInstances").output_shape
    return output.members["Reservations"].member.members["Instances"].member


def reservation_id(instance: Instance) -> str:
    """Return the id of the reservation that an instance was launched in."""
    return "r-" + instance.id[2:][::-1].ljust(17, "0")[:17]


def state(name: str) -> dict[str, Any]:
    """Return a state the way EC2 writes it."""
    return {"Code": CODES[name], "Name": name}


def zone(world: World) -> str:
    """Return the availability zone that the instances of a region are in."""
    return f"{world.region}a"


def hostname(world: World, instance: Instance) -> str:
    """Return the private DNS name."""
    return f"ip-{instance.private_ip.replace('.', '-')}.{world.region}.compute.internal"


def public_hostname(world: World, instance: Instance) -> str:
    """Return the public DNS name, which only an instance with a public address has."""
    if not instance.public_ip:
        return ""
    return f"ec2-{instance.public_ip.replace('.', '-')}.{world.region}.compute.amazonaws.com"


def instance_fields(world: World, instance: Instance, now: float) -> dict[str, Any]:
    """Return everything about an instance, in the names of the model."""
    settled = instance.state(now)
    gone = settled == "terminated"
    windows = instance.platform == "windows"
    fields: dict[str, Any] = {
        "InstanceId": instance.id,
        "ImageId": image(instance),
        "State": state(settled),
        "PrivateDnsName": "" if gone else hostname(world, instance),
        "PublicDnsName": public_hostname(world, instance),
        "StateTransitionReason": _reason(instance, settled),
        "KeyName": "operations",
        "AmiLaunchIndex": 0,
        "ProductCodes": [],
        "InstanceType": instance.type,
        "LaunchTime": datetime.fromtimestamp(int(instance.launched), UTC),
        "Placement": {
            "AvailabilityZone": zone(world),
            "GroupName": "",
            "Tenancy": "default",
        },
        "Monitoring": {"State": "disabled"},
        "Architecture": "arm64" if "g." in instance.type else "x86_64",
        "RootDeviceName": "/dev/sda1" if windows else "/dev/xvda",
        "RootDeviceType": "ebs",
        "VirtualizationType": "hvm",
        "Hypervisor": "xen",
        "EbsOptimized": True,
        "EnaSupport": True,
        "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2},
        "HibernationOptions": {"Configured": False},
        "BootMode": "uefi-preferred",
        "PlatformDetails": "Windows" if windows else "Linux/UNIX",
        "UsageOperation": "RunInstances:0002" if windows else "RunInstances",
        "Tags": [{"Key": key, "Value": value} for key, value in instance.tags.items()],
    }
    if windows:
        fields["Platform"] = "windows"
    if settled in ("stopping", "stopped"):
        fields["StateReason"] = {
            "Code": "Client.UserInitiatedShutdown",
            "Message": "Client.UserInitiatedShutdown: User initiated shutdown",
        }
    return fields if gone else fields | _attached(world, instance)


def _reason(instance: Instance, settled: str) -> str:
    if settled not in ("stopping", "stopped", "terminated"):
        return ""
    return f"User initiated ({datetime.fromtimestamp(instance.stopped, UTC):%Y-%m-%d %H:%M:%S} GMT)"


def _attached(world: World, instance: Instance) -> dict[str, Any]:
    launched = datetime.fromtimestamp(int(instance.ages), UTC)
    digits = instance.id[2:].ljust(17, "0")
    groups = [{"GroupId": "sg-0a1b2c3d4e5f60718", "GroupName": "default"}]
    fields: dict[str, Any] = {
        "PrivateIpAddress": instance.private_ip,
        "VpcId": "vpc-0a1b2c3d4e5f60718",
        "SubnetId": "subnet-0a1b2c3d4e5f6071",
        "SourceDestCheck": True,
        "SecurityGroups": groups,
        "ClientToken": digits,
        "IamInstanceProfile": {
            "Arn": f"arn:aws:iam::{world.account}:instance-profile/smartops-node",
            "Id": "AIPA0A1B2C3D4E5F60718",
        },
        "BlockDeviceMappings": [
            {
                "DeviceName": "/dev/sda1" if instance.platform == "windows" else "/dev/xvda",
                "Ebs": {
                    "AttachTime": launched,
                    "DeleteOnTermination": True,
                    "Status": "attached",
                    "VolumeId": f"vol-{digits}",
                },
            }
        ],
        "NetworkInterfaces": [_interface(world, instance, launched, digits, groups)],
        "CapacityReservationSpecification": {"CapacityReservationPreference": "open"},
        "MetadataOptions": {
            "State": "applied",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 2,
            "HttpEndpoint": "enabled",
            "HttpProtocolIpv6": "disabled",
            "InstanceMetadataTags": "disabled",
        },
        "EnclaveOptions": {"Enabled": False},
        "PrivateDnsNameOptions": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": False,
            "EnableResourceNameDnsAAAARecord": False,
        },
        "MaintenanceOptions": {"AutoRecovery": "default"},
    }
    if instance.public_ip:
        fields["PublicIpAddress"] = instance.public_ip
    return fields


def _interface(
    world: World,
    instance: Instance,
    attached: datetime,
    digits: str,
    groups: list[dict[str, str]],
) -> dict[str, Any]:
    name = hostname(world, instance)
    address = instance.private_ip
    return {
        "Attachment": {
            "AttachTime": attached,
            "AttachmentId": f"eni-attach-{digits}",
            "DeleteOnTermination": True,
            "DeviceIndex": 0,
            "Status": "attached",
            "NetworkCardIndex": 0,
        },
        "Description": "",
        "Groups": groups,
        "Ipv6Addresses": [],
        "MacAddress": "06:" + ":".join(digits[place : place + 2] for place in range(1, 11, 2)),
        "NetworkInterfaceId": f"eni-{digits}",
        "OwnerId": world.account,
        "PrivateDnsName": name,
        "PrivateIpAddress": address,
        "PrivateIpAddresses": [
            {"Primary": True, "PrivateDnsName": name, "PrivateIpAddress": address}
        ],
        "SourceDestCheck": True,
        "Status": "in-use",
        "SubnetId": "subnet-0a1b2c3d4e5f6071",
        "VpcId": "vpc-0a1b2c3d4e5f60718",
        "InterfaceType": "interface",
    }
